"""Texts to make counter-examples of: one in each language, with and without code, and texts of no letters."""

PHRASES = (
    "What is the capital of France?",
    "What is this?\n```python\nprint(1)\n```",
    "",
    "Was ist die Hauptstadt von Frankreich und wie weit ist es?",
    "Quelle est la capitale de la France et pour qui est-ce ?",
    "¿Cuál es la capital de Francia y por qué está en el norte?",
    "Qual è la capitale della Francia e come si arriva nel centro?",
    "Qual é a capital do meu país e como é que não se vê o mar?",
    "Wat is de hoofdstad van Frankrijk en hoe ver is het van hier?",
    "Jaka jest stolica Francji i czy to jest daleko od nas?",
    "Какая столица Франции?",
    "Ποια είναι η πρωτεύουσα;",
    "ما هي عاصمة فرنسا؟",
    "מהי בירת צרפת?",
    "फ्रांस की राजधानी क्या है?",
    "ফ্রান্সের রাজধানী কি?",
    "பிரான்சின் தலைநகரம் எது?",
    "เมืองหลวงของฝรั่งเศสคืออะไร",
    "프랑스의 수도는 어디입니까?",
    "フランスの首都はどこですか？",
    "法国的首都是哪里？",
    "xyzzy plugh",
    "ⴰⴱⴳ ⴰⴱⴳ",
    "hello привет hello привет",
)
CODE = "\n```\n1\n```"
EVERY = (*PHRASES, *(f"{phrase}{CODE}" for phrase in PHRASES if "```" not in phrase))
