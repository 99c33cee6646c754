"""256 words of three letters, each one token with its leading space in every vocabulary that Weir carries."""

WORDS = tuple(
    """
    the and for are but not you all any can her was one our out day get has him his how man new now old see two way
    who boy did its let put say she too use dad mom act add age ago air arm art ask bad bag bar bat bed bet big bit
    box bus buy cap car cat cow cry cup cut dig dog dry due ear eat egg end eye far fat fee few fit fix fly fun gap
    gas guy hat hit hot ice ill job joy key kid law lay leg lie lip log lot low mad map mix mud net nor nut odd off
    oil own pan pay pen pet pie pin pit pop pot raw red rid row run sad sea set sit six sky son sum sun tax tea ten
    tie tip toe ton top toy try van web wet why win yes yet zip arc ash bay bee bid bow bug bye cab cod cop cue dam
    dew dim dip dot dub duo ego elf era eve fan fig fin fog fox fur gem gum gut gym ham hay hen hip hop hub hue hug
    ink jam jar jaw jet jog kit lab lap lid lit mug nap oak oat ore owl pad paw pea peg pig pod pub rag ram rap rat
    ray rib rim rip rod rot rub rug rum sap saw sew shy sin sip ski sow soy spa spy tag tan tap tar tin tow tub tug
    urn vat vet via
    """.split()  # noqa: SIM905 (a list of 256 literals is no easier to read)
)
