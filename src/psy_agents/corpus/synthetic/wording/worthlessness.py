"""Wording of worthlessness and guilt."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

WORTHLESSNESS = CriterionWording(
    criterion="Feels worthless, or blames themselves far more than is fair.",
    phrases=(
        Phrase(
            ("feel", "feels", "felt"),
            "[worthless|useless|like a failure|not good enough] [as a parent|as a person|next to everyone else]",
        ),
        Phrase(
            ("blame", "blames", "blamed"),
            "{myself} for [everything that goes wrong|the divorce|things nobody could control]",
        ),
        Phrase(
            ("apologise", "apologises", "apologised"),
            "for [existing|everything|taking up space] [all the time|to everyone]",
        ),
        Phrase(
            ("can't", "can't", "couldn't"),
            "[forgive {myself}|let go of the guilt] for [some tiny mistake|letting people down|things from years back]",
        ),
        Phrase(
            ("call", "calls", "called"),
            "{myself} [stupid|a waste of space|a loser] [over every little slip|in the mirror]",
        ),
        Phrase(
            ("deserve", "deserves", "deserved"),
            "[nothing good|no kindness] [at all|in {my} own eyes]",
        ),
        Phrase(
            ("see", "sees", "saw"), "{myself} as [a burden|a fraud|the weak link] [to everyone|in every room]"
        ),
    ),
    statements=(
        "[guilt|shame|self-loathing] [eats at me|follows me around|sits on my chest] [over things I did as a child|for no good reason|{lately}]",
        "[everything|whatever|each thing] I [touch|do|try] [turns out wrong|is second-rate], and [it's always my fault|that's on me, always]",
        "what [good|use] am I to [anyone|my family|the team] [anyway|really]?",
        "my [kids|partner|parents|friends] [deserve|should have] [somebody better than me|so much more than someone like me]",
        "{lately} a voice [tells me|in my head says] that I'm [a disappointment|not worth the trouble|a bad person]",
        "I [let everyone down|fail people|ruin things], [that's what I do|that's who I am], [I can't stop thinking so|and I hate myself for it]",
        "when {someone} [praises me|says something kind|pays me a compliment], I [know I don't deserve it|feel like an impostor|think they must be blind]",
        "[nobody|not one person] would [choose|pick] [a person like me|someone as useless as I am]",
        "if only I had [called more|been a better child|tried harder], [it's all down to me|none of it would have happened], I [repeat that every day|can't forgive that]",
        "{since} I [look at myself with nothing but contempt|don't like the person I am|think so little of myself]",
        "[compared to|next to] [my siblings|colleagues|my friends] I'm [nothing|a zero|a joke]",
        "I [don't matter|have no value|am of no worth], [not at work and not at home|and no job title changes that]",
    ),
    denials=(
        "I'm [proud of|happy with|at peace with] [who I am|what I've done|my work]",
        "I don't [blame myself|feel guilty|feel ashamed], [it was nobody's fault|I did my best and that's enough]",
        "I know my [worth|value], [I'm good at my job|I've nothing to be ashamed of]",
        "no guilt [on my part|here], [I did what I could|they made the choice themselves]",
    ),
    figures=(
        "this [coupon|old phone|currency] is [worthless|useless] [now|since the change]",
        "[chocolate|that trashy show|the spa] is my guilty pleasure",
        "I'm [useless|hopeless] at [parking|bowling|crosswords] and [proud of it|find it hilarious]",
        "blame [the weather|my printer|autocorrect] for [the delay|the typos], not me",
    ),
    near=(
        "the [jury|court] found [him|the driver] guilty [according to the paper|on the news]",
        "the [old coins|stamps] turned out to be worth [nothing much|forty dollars]",
        "the [project|exam|server] failed [because of a typo|twice this week], [we fix it on Monday|nobody minded]",
        "[customer service|the shop] apologised for [the mistake|the late parcel]",
        "the [mirror|frame] in the hall [broke|needs a better nail]",
    ),
    slots={"someone": ("my boss", "anybody", "my wife", "a friend", "my teacher")},
)
