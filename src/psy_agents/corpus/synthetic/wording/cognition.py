"""Wording of trouble thinking, concentrating or deciding."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

COGNITIVE_ISSUES = CriterionWording(
    criterion="Has trouble thinking, concentrating or making decisions on nearly every day.",
    phrases=(
        Phrase(
            ("read", "reads", "read"),
            "the same [page|line|email] [five times|over and over] without taking it in",
        ),
        Phrase(
            ("can't", "can't", "couldn't"),
            "[concentrate|focus|keep a thought] [for more than a minute|on anything|at work]",
        ),
        Phrase(("lose", "loses", "lost"), "the thread [in the middle of a sentence|of every conversation]"),
        Phrase(
            ("stand", "stands", "stood"),
            "in [the supermarket|front of the wardrobe] unable to [choose|decide] [between two things|on anything]",
        ),
        Phrase(
            ("forget", "forgets", "forgot"), "[what was just said|words] [all the time|several times an hour]"
        ),
        Phrase(
            ("zone", "zones", "zoned"),
            "out [in every meeting|while people talk] and [miss half of it|take nothing in]",
        ),
        Phrase(
            ("put", "puts", "put"),
            "off [every decision|even tiny choices] because {my} head is [mush|too foggy to weigh things up]",
        ),
    ),
    statements=(
        "my [brain|mind|head] is [wrapped in cotton wool|full of fog|like a radio between stations] {lately}",
        "[choosing|deciding on|settling on] [a cereal|what to wear|a film] [takes me an hour|is beyond me|ends in a blank stare]",
        "I used to [finish a book a week|do sums in my head|juggle five projects], {lately} [a paragraph is too much|I can't follow a recipe]",
        "[thoughts|ideas] [slip away|scatter|evaporate] [before I can finish them|the moment I reach for them]",
        "{someone} [has to repeat everything|explained it three times] because [nothing sticks|it won't go in|my attention is gone]",
        "at work I make [silly mistakes|one slip after another] {since}, as my [attention|concentration] is [shot|in pieces]",
        "why [can't I think straight|is thinking so hard] {lately}?",
        "half an hour into [the report|an essay|the exam] and I've [written one line|only stared], [my focus is gone|the words won't line up]",
        "[brain fog|mental fog|scatterbrain mode] [every day|all the time], [I miss appointments|I leave the stove on|names escape me]",
        "even [a simple form|a short text|tea or coffee] [overwhelms my thinking|turns into a puzzle I can't solve|leaves me dithering]",
        "{since} I [second-guess|agonise over] [every choice|each little decision] until [I do nothing|somebody else decides]",
        "[films|podcasts|conversations] wash over me, [I couldn't tell you what was said|my mind wanders off at once], [every time {lately}|day after day]",
    ),
    denials=(
        "my [focus|concentration|head] is [sharp|clear|fine] {lately}",
        "I [can concentrate|can focus|think clearly] [for hours|without trouble], [no fog at all|the exam went well]",
        "[decisions|choices] come easily to me [these days|as ever], [I picked the flat in a minute|no dithering]",
        "no trouble [thinking|concentrating|remembering things] [at all|on my end]",
    ),
    figures=(
        "the [fog|mist] on the [motorway|bridge] was so thick that [we couldn't decide which exit|traffic stood still]",
        "[this new phone|the council|our committee] can't make up its mind, ha",
        "that [riddle|plot twist|magic trick] [broke my brain|melted my mind], [loved it|so clever]",
        "our cat has the attention span of [a gnat|a goldfish], [bless her|so funny]",
    ),
    near=(
        "we still have to decide [on a colour|where to go for lunch|who brings the cake]",
        "I [read|finished] [a book about bees|the paper] [on the train|in the garden] {recent}",
        "[focus groups|the photo club] [meet upstairs|are looking for people]",
        "the [meeting|report] is [moved to Wednesday|due on Friday]",
        "the [camera|projector] won't focus [in low light|without the adapter]",
    ),
    slots={"someone": ("my boss", "my tutor", "my wife", "the pharmacist")},
)
