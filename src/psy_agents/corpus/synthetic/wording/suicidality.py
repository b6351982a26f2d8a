"""Wording of suicidal thoughts: indirect and mild throughout, and never a method."""

from psy_agents.corpus.synthetic.wording.schema import CriterionWording, Phrase

SUICIDAL_THOUGHTS = CriterionWording(
    criterion="Thinks about death, or wishes not to be alive.",
    phrases=(
        Phrase(
            ("wish", "wishes", "wished"),
            "[not to wake up one day|to be gone for good|to simply stop existing]",
        ),
        Phrase(
            ("think", "thinks", "thought"),
            "about [not being here anymore|dying|death] [at quiet moments|now and then|more than is good]",
        ),
        Phrase(
            ("want", "wants", "wanted"), "[to disappear from this world|life to be over|no more tomorrows]"
        ),
        Phrase(
            ("wonder", "wonders", "wondered"),
            "[whether life is worth living|who would come to the funeral|whether anyone would miss {me}]",
        ),
        Phrase(
            ("don't", "doesn't", "didn't"), "[want to live|see a reason to go on living|want to be alive]"
        ),
        Phrase(
            ("feel", "feels", "felt"),
            "that [everyone would be better off with {me} gone|being alive is not worth it]",
        ),
    ),
    statements=(
        "[sometimes|at night|on bad days] I [wish|catch myself wishing] I [could just not be here|weren't around anymore|had never been born]",
        "it would be [easier|simpler|a relief] for everyone if I [weren't around|were no longer here|were gone]",
        "I wouldn't [mind|be sorry] if I [went to sleep and never woke up|didn't see another spring|didn't make it to next year]",
        "{lately} [the thought of not living|the idea of leaving this world|the wish to be gone] [comes back|visits me] [again and again|in quiet moments]",
        "[part of me|something in me] [no longer wants to be alive|would rather not go on|is done with living]",
        "would anyone [notice|mind] if I [was no longer in this world|were gone for good|no longer existed]?",
        "I've told {someone} that I [don't always want to keep living|have thoughts about not being alive], and [they were kind|it was hard to say]",
        "[staying alive|another year of being alive|living on] [feels like more than I want|is not something I wish for] {lately}",
        "[a world without me in it|my own absence], I [picture that a lot|think about it most days] {since}",
        "[I'm still here only for|the only one keeping me in this life is] [my dog|my little girl|my mum], [otherwise I'd rather not be|and some days that is barely enough]",
        "{lately} [it scares me how often|more and more,] I [no longer care if I live|feel done with being alive|long to be out of this world]",
        "[turning forty|growing old|next summer]? [Some days|{often}] I [hope not to be around for it|don't wish to live that long]",
        "not waking up tomorrow [sounds peaceful|would be fine by me|is a thought that comforts me]",
    ),
    denials=(
        "I [don't want to die|have no wish to die|want to live], [I want that to be clear|to be clear]",
        "[I'm not suicidal|no thoughts of death|no dark thoughts about living], [just fed up with work|just venting about my landlord]",
        "I'm [glad|grateful] to be alive [these days|every morning]",
        "giving up on life [isn't on my mind|has never crossed my mind], [I have plans|I've too much to do]",
    ),
    figures=(
        "I'm dying for [a pizza|a cold drink|the weekend|a proper coffee]",
        "[this heat|my new shoes|the suspense|that spreadsheet] is killing me",
        "I nearly died [of embarrassment|laughing] when [the mic was still on|my trousers split|grandma told that joke]",
        "wake me up when [the meeting is over|this election is done], ha",
        "[these brownies|the curry there] are to die for",
    ),
    near=(
        "my phone [died|was dead] [on the way home|before noon], so I [missed the call|borrowed a charger]",
        "the [tomato plant|basil|fern] on the balcony is [dying|dead], [too much sun|I watered it too much]",
        "we went to my [great-aunt's|neighbour's] funeral {recent}, [she was ninety-six|it was a lovely service]",
        "I'm comparing [life insurance|long-life milk|batteries by their life] [prices|offers] [at the moment|this week]",
        "the [living room lamp|world map] was a gift from {helper}",
        "I'm reading [a mystery in which the butler dies|a novel about life on Mars]",
    ),
    slots={"someone": ("my doctor", "my sister", "a helpline", "my best friend")},
)
