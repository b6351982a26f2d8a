"""Wording of depressed mood."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

DEPRESSED_MOOD = CriterionWording(
    criterion="Feels sad, empty, hopeless or tearful for most of the day, on nearly every day.",
    phrases=(
        Phrase(
            ("feel", "feels", "felt"),
            "[so|very|] {low} [most of the day|from morning to night|almost all the time]",
        ),
        Phrase(("cry", "cries", "cried"), "[over nothing|in the car|in the shower|at the smallest thing]"),
        Phrase(
            ("carry", "carries", "carried"),
            "[a heaviness|this grey weight|a kind of ache] [around|everywhere|through the day]",
        ),
        Phrase(
            ("tear", "tears", "teared"), "up [during meetings|while doing the dishes|for no reason at all]"
        ),
        Phrase(
            ("see", "sees", "saw"),
            "no [light at the end of this|way for things to turn out well|future worth looking at]",
        ),
        Phrase(
            ("walk", "walks", "walked"),
            "around [under a dark cloud|with a lump in {my} throat|with a hollow chest]",
        ),
        Phrase(
            ("can't", "can't", "couldn't"), "[shake|get out from under] this [sadness|gloom|bleak feeling]"
        ),
        Phrase(
            ("have", "has", "had"),
            "[a broken heart|nothing but emptiness inside|tears close to the surface] [day after day|all week long]",
        ),
    ),
    statements=(
        "{often} [the sadness|a wave of grief|a heavy gloom] [rolls in|comes over me|settles on me] [and stays until night|before I've even had coffee|for no reason]",
        "everything [looks|feels|has turned] [grey|bleak|colourless|pointless and dark] {lately}",
        "[inside|deep down] there is just [a hole|emptiness|a hollow space] where [I used to be|my heart should be|joy used to live]",
        "{lately} my eyes [fill up|get wet|well up] [whenever somebody is kind to me|on the bus|before dinner]",
        "I [honestly|really|] don't believe [things|life|any of this] will [ever|] [get better|brighten up|improve] [for me|]",
        "how do you [explain|describe|put up with] [being this {low}|a gloom like this] [day in, day out|all the time|for weeks]?",
        "[unhappy|miserable|gloomy|down|blue], that is the [only|best] word for how I've been {lately}",
        "[hope|hopefulness|optimism] [left me|went out of the window|dried up] {since}",
        "{someone} [noticed|pointed out|says] that I [look|seem|come across as] [so|terribly|] [sad|unhappy|low|down] {lately}",
        "I sit [in the car park|on the stairs|at the kitchen table] and [weep|sob|let the tears run] [most evenings|again today|nearly every day now]",
        "[smiling|laughing along|putting on a cheerful face] is an act, because underneath [it's all sorrow|I'm miserable|I feel dreadful]",
        "{since}, my [mood|spirits|heart] [has|have] been [at rock bottom|on the floor|as low as can be]",
        "it's like [winter never ends|somebody dimmed the lights|the sun stopped rising] [in my head|inside me|for me]",
    ),
    denials=(
        "my mood has been [good|steady|fine|cheerful] {lately}",
        "I'm [actually|honestly|] [quite|pretty|] [happy|content|cheerful|hopeful] [these days|at the moment|right now]",
        "no [tears|crying|sadness|gloom] [here|from me] {lately}, [I'm in good spirits|just ordinary days]",
        "I don't feel [sad|down|empty|hopeless] [about it|at all|any of the time], [just busy|if that's what you're asking]",
        "things look [bright|hopeful] to me, [not bleak|so sadness isn't it]",
    ),
    figures=(
        "the [ending of that series|last episode|penguin film] had me [sobbing|in floods of tears|crying my eyes out], [what a script|brilliant acting]",
        "the [fridge|cookie jar|coffee tin] is [empty|so sad to look at] and I'm [heartbroken|in mourning], ha",
        "I could [cry|weep] with joy over [this new oven|the price of that flight|how good the cake was]",
        "my football team is [hopeless|a tragedy|depressing] [this season|as ever]",
        "onions [make me cry|leave me in tears] like [nothing else|a baby], so {helper} chops them",
    ),
    near=(
        "it was a [grey|gloomy|dark] [afternoon|morning], so we stayed in and [played cards|baked bread]",
        "the [blue|dark|grey] paint for the [hall|kitchen] arrived [yesterday|on Tuesday]",
        "the [baby|neighbour's baby|toddler next door] cried [through the whole flight|during the film|at the zoo]",
        "the parking lot was [completely empty|empty] when [I got to work|we arrived]",
        "I [hope|am hopeful that] the [parcel|bus|plumber] comes [before noon|on time]",
        "there was a sad song on the radio [on the drive home|while we were painting]",
    ),
    slots={
        "low": (
            "sad",
            "down",
            "miserable",
            "empty",
            "hopeless",
            "heartbroken",
            "low",
            "blue",
            "desolate",
            "unhappy",
            "dejected",
        ),
        "someone": ("my wife", "my husband", "a colleague", "my mum", "even my boss", "an old friend"),
    },
)
