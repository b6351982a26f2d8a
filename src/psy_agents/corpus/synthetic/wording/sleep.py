"""Wording of sleep problems."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

SLEEP_ISSUES = CriterionWording(
    criterion="Sleeps too little or too much on nearly every night.",
    phrases=(
        Phrase(("lie", "lies", "lay"), "awake [until three|half the night|long after the house is quiet]"),
        Phrase(
            ("stay", "stays", "stayed"), "up [until dawn|all night] [tossing and turning|wide-eyed in bed]"
        ),
        Phrase(
            ("wake", "wakes", "woke"),
            "up at [two|three|four] and [never drift off again|stare at the ceiling until the alarm]",
        ),
        Phrase(("sleep", "sleeps", "slept"), "[maybe three hours|barely at all] [a night|most nights]"),
        Phrase(
            ("sleep", "sleeps", "slept"),
            "[twelve or more hours|half the day|through every alarm] [at a time|most days]",
        ),
        Phrase(
            ("can't", "can't", "couldn't"),
            "[fall asleep|nod off|drift off] [without hours of waiting|before sunrise]",
        ),
        Phrase(
            ("spend", "spends", "spent"),
            "[whole nights|the small hours] [watching the clock|scrolling in the dark] instead of sleeping",
        ),
        Phrase(
            ("oversleep", "oversleeps", "overslept"),
            "[every day|all weekend], [sometimes past noon|even with four alarms]",
        ),
    ),
    statements=(
        "[two|three|four] [hours|broken hours] of [sleep|rest] is [all I get|what a good night looks like] {lately}",
        "the [clock|ceiling|street light] and I [know each other well|keep each other company] at [three|four] in the morning, [night after night|again and again]",
        "[melatonin|counting sheep|warm milk|chamomile tea] [does nothing|doesn't help], I'm [wide awake|up] till [dawn|the birds start]",
        "{since}, [insomnia|sleeplessness] has been [my constant companion|running the show|ruining my nights]",
        "my [nights|evenings] are [endless|a battle], the moment I [lie down|close my eyes] [my brain switches on|I'm wide awake]",
        "{someone} [hears me pacing the hall|finds me in the kitchen] at [two|four] [because I can't settle|since rest won't come]",
        "I [go to bed|turn in] at [eight|nine] and [don't surface|am not up] [before noon|until lunch|until somebody shakes me], [day after day|{lately}]",
        "[a decent night|a full night's rest|eight hours in a row] is [something I can only dream of|a distant memory] {lately}",
        "how is anyone meant to [get to sleep|stay asleep] when [every night goes like mine|I'm up every hour]?",
        "it's [3am|4am|nearly five] and I'm [typing this because I can't sleep|up again], [same as every night this month|like yesterday and the day before]",
        "[naps swallow my afternoons|I nap all afternoon] and then I [sleep another ten hours|go straight to bed again], [way more than I used to|it never ends]",
        "[nightmares|early waking|restless nights] [leave me|have left me] with [almost no|hardly any] sleep {lately}",
    ),
    denials=(
        "[sleep|my sleep] [has been|is] [fine|good|no problem] {lately}",
        "I [sleep|am sleeping] [like a log|eight hours|soundly], [no trouble there|thankfully]",
        "no [insomnia|sleepless nights] [here|on my side], I'm out [by eleven|as soon as the light goes off]",
        "I get a [full|proper|good] night's rest [every night|most nights], [so it isn't that|my watch says so]",
    ),
    figures=(
        "I won't lose any sleep over [that game|the new logo|their opinion]",
        "[this town|the stock market|our admin office] is fast asleep [after eight|in August]",
        "let me sleep on [the offer|it, I'll choose a colour tomorrow]",
        "[the lecture|that film|his slide deck] was [better than any sleeping pill|a cure for insomnia]",
    ),
    near=(
        "the [bed|mattress|bed frame] we ordered [finally arrived|comes on Friday]",
        "I set an alarm for [six|five] to [catch the train|beat the traffic]",
        "the [cat|dog] sleeps on [the sofa|a pile of laundry] [all day|most of the time]",
        "[nights are cooler now|it gets dark early], so [the heating is on|we light the stove at night]",
        "we stayed up [to watch the eclipse|for the fireworks] {recent}",
        "we're looking for a [sleeping bag|night train] for [the trip|the summer]",
    ),
    slots={
        "someone": ("my wife", "my husband", "my flatmate", "my daughter"),
    },
)
