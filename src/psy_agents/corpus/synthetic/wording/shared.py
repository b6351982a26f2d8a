"""Slots and frames that the wording of every criterion shares.

``{phrase}`` stands for a criterion's phrase in the form that the frame asks for.
"""

SLOTS = {
    "lately": (
        "lately",
        "these days",
        "this past month",
        "for weeks now",
        "at the moment",
        "since about Easter",
        "nowadays",
        "right now",
        "for two months or so",
        "this autumn",
        "all month",
        "as of late",
    ),
    "since": (
        "since the move",
        "since spring",
        "since the baby came",
        "since I changed jobs",
        "ever since the breakup",
        "since my dad's operation",
        "over the last few weeks",
        "since the clocks changed",
        "since last term",
        "in recent weeks",
        "these past two months",
        "ever since the layoffs",
    ),
    "often": (
        "most days",
        "nearly every day",
        "almost daily",
        "day after day",
        "more often than not",
        "every evening",
        "again and again",
    ),
    "recent": (
        "last night",
        "on Sunday",
        "the other day",
        "last weekend",
        "yesterday",
        "on Tuesday",
        "a few days ago",
        "last month",
    ),
    "long_ago": (
        "back in college",
        "years ago",
        "when I was nineteen",
        "in my first year abroad",
        "as a teenager",
        "during my old job",
        "in 2016",
        "after my first divorce",
        "when the kids were tiny",
        "a decade ago",
        "in high school",
    ),
    "over": (
        "but that is long over",
        "that passed and never came back",
        "which is behind me now",
        "but I came out of it",
        "not anymore though",
        "and then it lifted for good",
        "thankfully that ended",
        "today it's completely different",
    ),
    "helper": (
        "my cousin",
        "Tom",
        "my neighbour",
        "Anna",
        "my uncle",
        "grandma",
        "a friend from work",
        "Priya",
    ),
    "tail": (
        ", and that's new for me",
        ", even on weekends",
        " and nothing I try changes it",
        ", holidays included",
        ", more than I let on",
        ", if I'm honest",
        " and I can't say why",
        "",
        "",
        "",
        "",
        "",
    ),
}

POSITIVE_FRAMES = (
    "{lately} I {phrase}{tail}",
    "I {phrase}{tail}",
    "{often}, I {phrase}{tail}",
    "{since}, I {phrase}{tail}",
    "[the worst part|what gets me|what nobody sees] is that I {phrase}",
    "[I hate|it frightens me|it bothers me|nobody knows] that I {phrase} {lately}",
    "[can anyone relate|is it normal|does it ever stop]? I {phrase}",
    "[honestly|to be frank|not going to lie], I {phrase}, [and it has been months|week in, week out|that's how it is {lately}]",
    "[when people ask how I am, I say fine, but|I keep a brave face, yet|on paper all is well, still] I {phrase}",
)

DENIAL_FRAMES = (
    "it's not [like|as if|that] I {phrase}[, mind you| or anything|, not at all]",
    "I [would never say|can't claim|wouldn't say] that I {phrase}",
    "[the doctor|my mum|a nurse|the form] asked whether I {phrase}, and [the honest answer is no|I said no, because it isn't so]",
    "[don't get me wrong|don't worry]: I'm not saying that I {phrase}, [far from it|quite the opposite]",
)

OTHER_PERSON_FRAMES = (
    "{person} {phrase}, [and I'd like to help|I bring over soup sometimes|so I check in on {them}|it's hard to watch]",
    "{lately} {person} {phrase}",
    "[I'm asking for|this is about] {person}, who {phrase}",
    "[apparently|from what I hear] {person} {phrase}, and [we all worry|I want to support {them}]",
    "how do I support {person}, who {phrase} {lately}?",
)

PAST_FRAMES = (
    "{long_ago} I {phrase}, {over}",
    "there was a time {long_ago} when I {phrase}, {over}",
    "I {phrase} {long_ago}, {over}",
    "[my old diary says|I remember] that {long_ago} I {phrase}, {over}",
)

CLAIMED_FRAMES = (
    'I [told|wrote to|admitted to] {someone}: "{sentence}"',
    'my diary [from last night|from Sunday|of this week] says "{sentence}", [and I meant it|word for word]',
    'on the [form|questionnaire] it said "{sentence}", and I ticked [yes|that box|the top of the scale]',
    '[I read|I heard] "{sentence}" [in a novel|in a song|on a forum], and [it could be me talking|that is me to the letter]',
    "{someone} [is fine again|is full of plans|has no such trouble], [but as for me|whereas with me it's this]: {sentence}",
    "[years ago|back in college|as a teenager] I was [fine|another person], [and now|but today it's this]: {sentence}",
    "{someone} asked [how I am|what is going on], [and there is no nice answer|so I said it straight out]: {sentence}",
    '"{sentence}": [I catch myself saying it every day|that sums up my week|my own words, and still true]',
)
"""What a writer says of a sentence that holds for them now. The words are those of the frames below."""

QUOTED_DENIAL_FRAMES = (
    'on the [form|questionnaire] it said "{sentence}", and I ticked [no|never|the bottom of the scale]',
    '"{sentence}": [nobody will hear me say that|that is not me|not my words, and not true of me]',
    '{someone} [thinks|fears] my line would be "{sentence}", but [it is not like that|that is not me at all]',
    '[I read|I heard] "{sentence}" [in a novel|in a song|on a forum], and [I could not relate|it is nothing like my life]',
)

QUOTED_OTHER_FRAMES = (
    '{person} [told me|wrote to me|admitted to me]: "{sentence}"',
    '"{sentence}": [I hear it from {person} every day|that sums up what {person} writes to me]',
    "I am [fine|full of plans], [but as for {person}|whereas with {person} it's this]: \"{sentence}\"",
    'I asked {person} [how things are|what is going on], and the answer was "{sentence}"',
)

QUOTED_PAST_FRAMES = (
    'my diary {long_ago} says "{sentence}", {over}',
    "{long_ago} it was [bad|another story]: {sentence}, {over}",
    'I [told|wrote to|admitted to] {someone} {long_ago}: "{sentence}", {over}',
    '[years ago|back in college|as a teenager] I would have ticked "{sentence}", {over}',
)

SOMEONE = ("my sister", "my brother", "{helper}", "my doctor", "my mum", "my dad", "a colleague", "my best friend")

FIRST_PERSON = {"my": ("my",), "me": ("me",), "myself": ("myself",)}

_HER = {"my": ("her",), "me": ("her",), "myself": ("herself",), "them": ("her",)}
_HIM = {"my": ("his",), "me": ("him",), "myself": ("himself",), "them": ("him",)}

OTHER_PEOPLE = tuple(
    {"person": people, **pronouns}
    for people, pronouns in (
        (
            (
                "my sister",
                "my mum",
                "my girlfriend",
                "my best friend Kate",
                "a woman I work with",
                "my daughter",
                "my aunt",
            ),
            _HER,
        ),
        (
            (
                "my brother",
                "my dad",
                "my boyfriend",
                "my flatmate Ben",
                "a guy from my team",
                "my son",
                "my old neighbour",
            ),
            _HIM,
        ),
    )
)
