"""What differs between scripts when a text is cut into words and sentences."""

SOUTH_EAST_ASIAN = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}"
"""The scripts that put no spaces between words and spell them with several letters, for a character class of `regex`."""

UNSPACED = rf"\p{{Han}}\p{{Hiragana}}\p{{Katakana}}\u30fc\uff70\p{{Bopomofo}}{SOUTH_EAST_ASIAN}"
"""The scripts that put no spaces between words, for a character class of `regex`: Unicode's line break classes of ideographs, kana
and South East Asian scripts (UAX #14), with the Japanese sound mark, which Unicode counts to no script. A letter of them is a word."""

FULL_STOPS = "。｡！？।॥؟۔။។៕።፧"
"""Marks that end a sentence wherever they stand: CJK, Devanagari, Arabic, Urdu, Myanmar, Khmer and Ethiopic ones. A Latin full stop
ends a sentence only before white space, for it also stands in numbers and abbreviations."""
