"""Wording of agitation and slowing."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

PSYCHOMOTOR = CriterionWording(
    criterion="Is visibly restless or slowed down in movement or speech.",
    phrases=(
        Phrase(
            ("pace", "paces", "paced"),
            "[up and down the hallway|around the room|from wall to wall] [for hours|without being able to stop]",
        ),
        Phrase(
            ("can't", "can't", "couldn't"),
            "[sit still|keep {my} hands quiet|stay in one chair] [for five minutes|for even one meal]",
        ),
        Phrase(
            ("move", "moves", "moved"), "[in slow motion|as if through syrup|half as fast as everyone else]"
        ),
        Phrase(
            ("speak", "speaks", "spoke"),
            "so [slowly|haltingly] that [people finish the sentences|others stop listening]",
        ),
        Phrase(
            ("fidget", "fidgets", "fidgeted"),
            "[non-stop|with everything in reach], [legs bouncing|hands wringing]",
        ),
        Phrase(
            ("take", "takes", "took"),
            "[ages|a full minute] to [answer a simple question|get up from a chair|cross the room]",
        ),
        Phrase(
            ("jump", "jumps", "jumped"),
            "up from {my} seat [every few minutes|over and over] [with no reason|out of sheer restlessness]",
        ),
    ),
    statements=(
        "{someone} [asked|keeps asking] why I'm [talking so slowly|moving like an old machine|pacing so much]",
        "my [legs|hands|fingers] [won't stop|never stop] [jiggling|tapping|twitching|wringing] {lately}",
        "[walking to the shop|crossing the street|tying my shoes] takes me [three times as long as it used to|forever], like [wading through water|my limbs are set in concrete]",
        "[words|sentences] come out of me [one at a time, minutes apart|in slow motion|so slowly that people wait]",
        "{lately} there's this [restlessness|agitation] in my body, I [have to keep moving|rock back and forth|wear a track in the carpet]",
        "sitting through [a film|a meeting|dinner] is [impossible|out of the question] because I [have to get up and walk|squirm the whole time]",
        "I've become [slow as treacle|like a sloth], [each step|each movement|every gesture] [drags|is delayed], and [people notice|others comment on it]",
        "[others|my kids] [overtake|wait for] me everywhere because my body [has slowed right down|runs at half speed] {since}",
        "{since} I [pick at my sleeves|rub my hands|tap the table] [constantly|until somebody tells me to stop]",
        "my [speech|voice] has [slowed to a crawl|gone slow and flat], [the pauses are endless|even strangers remark on it]",
        "I [circle|prowl around] the [kitchen|flat|garden] [like a caged animal|all evening], [unable to settle|too wound up to stand still]",
    ),
    denials=(
        "I'm not [restless|fidgety|slowed down], [I move and talk as I always did|just calm]",
        "I can [sit still|sit quietly] [through a whole film|for hours], [no pacing|no fidgeting]",
        "my [pace|speech] is [the same as ever|quite normal], [people say so too|nothing slow about it]",
    ),
    figures=(
        "the [queue|internet|line at the bank] [moved in slow motion|crawled] [today|again]",
        "[negotiations|house sales|permits] here move like [treacle|a snail]",
        "the [market|crowd] is [restless|jittery] before [the vote|the match]",
        "my laptop [runs at half speed|moves like it's underwater] since the update",
    ),
    near=(
        "the [hallway|carpet] needs [vacuuming|a new lamp]",
        "we went for a slow walk [around the lake|by the canal] {recent}",
        "the [chairs|seats] at the [stadium|theatre] were [hard|rather small]",
        "the [dog|puppy] [runs in circles|can't sit still] when [the post comes|it sees a ball]",
        "he [speaks|talks] fast on [that podcast|the news], so I [play it slower|read the captions]",
    ),
    slots={
        "someone": ("my boss", "a colleague", "my mother", "my partner", "the nurse"),
    },
)
