"""The words that emulated answers are made of: each is one token in every common vocabulary, spaced or not."""

LONG_TEXT = (
    "the of and to in is that for it as with was on be at by this had not are but from or have an they which one "
    "you were all her she there would their we him been has when who will no more if out so what up said its about "
    "than into them can only other time new some could these two may first then do any like my now over such our "
    "man me even most made after also did many before must well back through years where much your way down should "
    "because long each just those people how too little state good very make world still see own work men day get "
    "here between both life being under three never know same last another while us off might great go come since"
)

SHORT_TEXT = (
    "the and for was not are but had her she him has who out its can two may any now our man did way how too see own "
    "men day get off yet few far let old say use big end set put why try ask run"
)

LONG = tuple(LONG_TEXT.split())
SHORT = tuple(SHORT_TEXT.split())
"""Three letters each: with the space before them, the four bytes of one token where no vocabulary is known."""
