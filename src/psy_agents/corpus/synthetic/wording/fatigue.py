"""Wording of fatigue."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

FATIGUE = CriterionWording(
    criterion="Is tired or without energy on nearly every day.",
    phrases=(
        Phrase(
            ("feel", "feels", "felt"),
            "[drained|worn out|exhausted|wiped out] [by ten in the morning|after the smallest task|all day]",
        ),
        Phrase(
            ("have", "has", "had"),
            "no [energy|strength|fuel] [left|] [for the simplest chores|to cook|to take a shower]",
        ),
        Phrase(("run", "runs", "ran"), "on [empty|fumes] [every single day|from Monday to Sunday]"),
        Phrase(
            ("can't", "can't", "couldn't"),
            "[get out of bed|climb the stairs|carry the shopping] without [resting first|being wiped out]",
        ),
        Phrase(
            ("need", "needs", "needed"),
            "[a rest|to lie down] after [brushing {my} teeth|making tea|emptying the dishwasher]",
        ),
        Phrase(
            ("collapse", "collapses", "collapsed"),
            "on the sofa [the moment work is over|before dinner] [with nothing left in the tank|like an empty battery]",
        ),
        Phrase(("drag", "drags", "dragged"), "{myself} [through the day|to work|from room to room]"),
    ),
    statements=(
        "my [battery|tank] is [flat|empty|at two percent] [before the day begins|whatever I do] {lately}",
        "[showering|doing laundry|replying to a text|getting dressed] [feels like a marathon|takes everything I have|costs me all my strength]",
        "{lately} I'm [so tired|bone-tired|dead tired] [no matter how much I rest|that standing is work|that I could drop]",
        "[coffee|sugar|vitamins|a day off] [can't touch|doesn't fix] this [exhaustion|tiredness|lack of energy]",
        "my [arms|limbs|legs] [weigh a ton|feel like lead] and [lifting a kettle is work|I have to rest all the time]",
        "{since}, [exhaustion|weariness|fatigue] has [followed me everywhere|been part of every day|flattened me]",
        "where did my [energy|stamina|get-up-and-go] [go|disappear to]? [I'm shattered by noon|Every task wipes me out]",
        "by [lunchtime|mid-morning|two o'clock] I'm [done for|spent|running on nothing], [every day this month|as always {lately}]",
        "{someone} [does all the housework|carries the bags|does the driving] now because I [tire so fast|haven't the strength|am always worn out]",
        "[rest|a long weekend|lying down] [doesn't recharge me|makes no difference], I get up as [weary|spent] as before",
        "I used to [run ten miles|work double shifts|be full of beans], {lately} [one flight of stairs finishes me|I'm winded by making the bed]",
        "[tired|weary|shattered] doesn't begin to cover it, [day after day I have nothing to give|I've been depleted for weeks]",
    ),
    denials=(
        "I've got [plenty of|loads of|lots of] energy {lately}",
        "I'm not [tired|worn out|exhausted], [I ran five miles today|I'm up and about all day]",
        "my energy [is good|is back to normal|has been fine], [I get through the day easily|no complaints]",
        "[work|the gym|the new baby] doesn't [wear me out|tire me], [I feel fresh|I'm full of beans]",
    ),
    figures=(
        "I'm so tired of [reality shows|pop-up ads|this government|autumn leaves]",
        "our [oven|vacuum cleaner|old car] is [exhausted|on its last legs]",
        "[that joke|the plot|this debate] is getting [tired|old], [find a new one|move on]",
        "the [energy|electricity] bill [drained|wiped out] [our account|the holiday budget]",
    ),
    near=(
        "the [battery|batteries] in the [remote|smoke alarm] [needed changing|ran out]",
        "the [energy supplier|power company] [sent a new contract|changed its prices]",
        "we climbed [all the stairs of the tower|the hill behind the church] {recent}",
        "the car needed [new tyres|fuel], so I [stopped at the garage|was late]",
        "we [rested|sat] in [the shade|a cafe] after [the market|the museum]",
    ),
    slots={"someone": ("my son", "my husband", "my neighbour", "my girlfriend")},
)
