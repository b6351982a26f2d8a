"""Wording of changes in appetite or weight."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

APPETITE_CHANGE = CriterionWording(
    criterion="Appetite or weight has clearly gone up or down without meaning to.",
    phrases=(
        Phrase(
            ("skip", "skips", "skipped"),
            "[breakfast and lunch|most meals|dinner most nights] because [nothing goes down|food has no appeal]",
        ),
        Phrase(
            ("eat", "eats", "ate"),
            "[twice as much as before|far too much without being hungry|until it hurts]",
        ),
        Phrase(
            ("can't", "can't", "couldn't"),
            "[finish a sandwich|face a plate of food|get more than a few bites down]",
        ),
        Phrase(
            ("keep", "keeps", "kept"),
            "[snacking all day|raiding the fridge at night|reaching for sweets] [out of nowhere|without being hungry]",
        ),
        Phrase(
            ("push", "pushes", "pushed"), "the food around {my} plate [and leave most of it|at every meal]"
        ),
        Phrase(("lose", "loses", "lost"), "weight [without trying|week after week|by the month]"),
        Phrase(
            ("gain", "gains", "gained"),
            "weight [without changing a thing|week after week|from constant craving]",
        ),
        Phrase(
            ("forget", "forgets", "forgot"),
            "to eat [until evening|for whole days] because hunger never comes",
        ),
    ),
    statements=(
        "my [jeans|trousers|belts|rings] [no longer fit|hang off me|won't close], [as I've dropped {amount}|because I've put on {amount}] {since}",
        "[food|every meal|even my favourite dish] tastes like [cardboard|sand|nothing], so [I barely touch it|most of it goes in the bin]",
        "the scales [say|show] {amount} [less|more] than [last month|in spring] and I [never meant to|wasn't on any diet]",
        "{lately} I'm [hungry all the time|never hungry|ravenous even after dinner|put off by the smell of food]",
        "[a slice of toast|a banana|half a yoghurt|some crackers] is all I [manage|get down|can stomach] [in a day|between morning and night]",
        "my appetite [has vanished|has doubled|is gone|is all over the place] {since}",
        "{someone} [keeps telling me|is worried] that I've [got so thin|put on so much|shrunk]",
        "I [order|finish] [two dinners|a whole cake|a family bag of crisps] [most nights|on my own] and [still want more|can't seem to stop]",
        "hunger [just doesn't show up|is a thing of the past for me|never switches off] {lately}",
        "sitting down to [lunch|supper] [makes my stomach close|has become a struggle, two forkfuls and I'm done]",
        "who [loses|gains] {amount} in [a month|six weeks] [without wanting to|by accident]? Apparently I do",
        "all I do {lately} is [crave sugar|graze in the kitchen|eat my way through the cupboards], way more than I ever did",
    ),
    denials=(
        "my [appetite|weight] [is fine|is normal|hasn't changed] [at all|these days|in years]",
        "I'm eating [three proper meals a day|well|like I always have], [no change there|so food isn't the issue]",
        "I lost {amount} on purpose [with a diet plan|training for a race], [exactly as planned|and I'm glad]",
        "food [still tastes great|has never been a problem for me], [I cook every day|I finish my plate]",
    ),
    figures=(
        "I'm hungry for [success|a new challenge|some good news]",
        "the [rent|car|new roof] is eating [my wages|us alive|through our savings]",
        "I've no appetite for [another meeting|office drama|long emails] [this week|today]",
        "[her speech|that remark|the news] gave us [plenty to chew on|food for thought]",
        "a huge weight [fell off my shoulders|was lifted] when [the exam was over|the loan was approved]",
    ),
    near=(
        "we [ate|had] [dumplings|curry|pancakes|noodles] at [the new place|my aunt's] {recent}",
        "I need to [buy food for the cat|stop at the bakery|get snacks for the kids]",
        "the bathroom scales [ran out of battery|are on sale at the shop]",
        "[lunch|dinner|breakfast] was [soup and bread|leftover pizza|eggs], [nothing fancy|quick and easy]",
        "the parcel's weight was [wrong on the label|over the limit], so [postage doubled|I had to pay more]",
    ),
    slots={
        "amount": ("five kilos", "ten pounds", "a stone", "fifteen pounds", "eight kilos", "two dress sizes"),
        "someone": ("my mum", "my sister", "everyone", "my doctor", "my flatmate"),
    },
)
