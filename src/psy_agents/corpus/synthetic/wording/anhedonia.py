"""Wording of the loss of interest and pleasure."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

ANHEDONIA = CriterionWording(
    criterion="Has markedly less interest or pleasure in nearly all activities that used to be enjoyable.",
    phrases=(
        Phrase(("get", "gets", "got"), "no [joy|pleasure|fun|kick] out of {hobby} [anymore|at all]"),
        Phrase(
            ("can't", "can't", "couldn't"),
            "[bring {myself} to care about|get excited about|work up any interest in] {hobby}",
        ),
        Phrase(
            ("find", "finds", "found"),
            "{hobby} [pointless|dull|flat] [even though it was once a passion|despite loving it before]",
        ),
        Phrase(
            ("turn", "turns", "turned"),
            "down [every invitation|all plans] because [nothing sounds fun|nothing appeals]",
        ),
        Phrase(
            ("feel", "feels", "felt"), "[nothing|numb|no spark] [during|while doing|when it comes to] {hobby}"
        ),
        Phrase(
            ("go", "goes", "went"),
            "through the motions of {hobby} without [enjoying a minute|feeling anything]",
        ),
        Phrase(
            ("have", "has", "had"), "no [interest|appetite for fun|enthusiasm] [left|whatsoever] for {hobby}"
        ),
    ),
    statements=(
        "{hobby} used to [make my week|be my whole world|light me up], {lately} [I couldn't care less|it leaves me cold|it does nothing for me]",
        "my [guitar|camera|sketchbook|bike|sewing machine] has been [gathering dust|in the cupboard|untouched] because I [lost all interest|don't enjoy it anymore|no longer see the fun in it]",
        "nothing [excites|interests|delights|moves] me [anymore|{lately}], [not even {hobby}|not the things I love, not anything]",
        "[the fun|the joy|the pleasure] has [gone out of|drained from|left] [everything|the things I used to love|all my hobbies] {since}",
        "I [watch|look at] [friends laugh|people having a good time] and [wonder why I enjoy nothing|feel none of it myself]",
        "when {someone} suggests {hobby}, [I just shrug|all I feel is indifference|I can't see what the point would be]",
        "what's the point of [weekends|holidays|free time] if [nothing I do is enjoyable|none of it brings pleasure]?",
        "[music|good food|a sunny day|a great film] [hits different now, as in it doesn't hit at all|does nothing for me anymore|is just noise to me now]",
        "I [quit|gave up|dropped out of] [the choir|the team|my book club|the pottery class] {since}, it just [stopped mattering to me|wasn't giving me anything]",
        "[indifference|numbness|boredom], that's what [I feel towards|is left of] everything I [was once passionate about|used to look forward to]",
        "I can't remember the last time [I looked forward to anything|something was actually fun for me|I truly enjoyed an evening]",
        "even [my birthday|the trip|the concert|playing with my kids] [left me flat|felt like a chore|gave me no pleasure]",
    ),
    denials=(
        "I still [love|enjoy|look forward to] {hobby} [as much as ever|every single time|like a kid]",
        "{hobby} is [as fun as ever|still the highlight of my week|still my great joy]",
        "my interest in {hobby} hasn't [faded|gone anywhere|dropped] [at all|one bit]",
        "I [had|had such] [a great time|fun] [at the game|with friends|dancing] {recent}, [so the joy is still there|so I do enjoy things]",
    ),
    figures=(
        "I've lost all interest in [my bank's app|the elections|that show], [the writers should be ashamed|the new season is rubbish]",
        "the savings account pays [no interest|barely any interest] [anymore|these days], [what a joke|thanks a lot]",
        "[filing taxes|folding fitted sheets|waiting on hold] gives me zero pleasure, [shocking, I know|obviously]",
        "my [car|phone|laptop] has lost its [spark|enthusiasm] and refuses to [start|charge], ha",
    ),
    near=(
        "{hobby} club [meets on Thursdays now|moved to the town hall|has a new website]",
        "{helper} asked me about {hobby} [over lunch|on the phone], and we talked for an hour",
        "I bought a [guitar|camera|second-hand bike] [from a neighbour|at the flea market]",
        "the [concert|film|game] starts at [seven|eight], and [we're taking the train|parking is awful]",
        "there's a pleasure garden [behind the museum|by the river] with [swans|a small cafe]",
    ),
    slots={
        "hobby": (
            "painting",
            "gardening",
            "football",
            "baking",
            "running",
            "gaming",
            "photography",
            "knitting",
            "hiking",
            "singing",
            "fishing",
            "dancing",
            "chess",
            "reading",
            "playing the piano",
            "cooking",
            "climbing",
            "swimming",
            "board games",
        ),
        "someone": ("somebody", "my partner", "a friend", "my brother", "anyone"),
    },
)
