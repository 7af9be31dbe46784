"""The primitive operations of the quickstart's family of problems: what they do, and how people ask for them.

`$k` stands for a small number and `$c` for a letter; both are drawn anew for every problem. A primitive's `taught`
phrases are what the seed model has read in its pretraining. It has never seen the `rare` ones: the bootstrapping has
to learn them, and with them those primitives that have rare phrases only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Primitive:
    """One step of a pipeline: an expression over the variable named `source` that gives a `target`."""

    word: str
    """Names the operation in a function's name."""
    source: str
    target: str
    """Variable names, which are the types too: numbers, words, text, number, scores, and `answer` for an end."""
    expression: str
    taught: tuple[str, ...]
    rare: tuple[str, ...]

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.taught + self.rare


def _table(source: str, target: str, rows: str) -> list[Primitive]:
    """Rows of `word : expression : taught phrase / taught phrase : rare phrase / rare phrase`."""
    table = []
    for row in rows.strip().splitlines():
        word, expression, taught, rare = (field.strip() for field in row.split(" : "))
        table.append(Primitive(word, source, target, expression, _phrases(taught), _phrases(rare)))
    return table


def _phrases(field: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in field.split(" / ") if phrase.strip() != "-")


_NUMBERS = _table(
    "numbers",
    "numbers",
    """
even : [n for n in numbers if n % 2 == 0] : keep the even numbers / keep only even numbers : drop whatever is odd
odd : [n for n in numbers if n % 2 == 1] : keep the odd numbers / keep only odd numbers : drop whatever is even
large : [n for n in numbers if n > $k] : keep the numbers greater than $k / keep only numbers above $k : discard everything up to $k
small : [n for n in numbers if n < $k] : keep the numbers less than $k / keep only numbers below $k : discard everything from $k upwards
divisible : [n for n in numbers if n % $k == 0] : keep the multiples of $k / keep the numbers divisible by $k : retain what $k divides
indivisible : [n for n in numbers if n % $k != 0] : remove the multiples of $k / remove the numbers divisible by $k : retain what $k does not divide
positive : [n for n in numbers if n > 0] : keep the positive numbers / keep only positive numbers : throw away zero and the negatives
without : [n for n in numbers if n != $k] : remove every $k / drop all numbers equal to $k : get rid of each $k
scaled : [n * $k for n in numbers] : multiply every number by $k / multiply each number by $k : scale all of them by a factor of $k
raised : [n + $k for n in numbers] : add $k to every number / add $k to each number : raise all of them by $k
lowered : [n - $k for n in numbers] : subtract $k from every number / subtract $k from each number : lower all of them by $k
squared : [n * n for n in numbers] : square every number / square each number : replace all of them by their squares
cubed : [n ** 3 for n in numbers] : - : cube every number / replace all of them by their cubes
negated : [-n for n in numbers] : negate every number / negate each number : flip the sign of all of them
absolute : [abs(n) for n in numbers] : take the absolute value of every number / make each number absolute : ignore all the signs
remainder : [n % $k for n in numbers] : take every number modulo $k / take each number modulo $k : replace all of them by the remainder after division by $k
divided : [n // $k for n in numbers] : - : divide every number by $k without remainder / replace all of them by the quotient with $k
ascending : sorted(numbers) : sort the numbers / sort the numbers in ascending order : arrange them from smallest to largest
descending : sorted(numbers, reverse=True) : sort the numbers in descending order / sort the numbers in decreasing order : arrange them from largest to smallest
reversed : numbers[::-1] : reverse the list / reverse the order of the numbers : turn the sequence around
distinct : list(dict.fromkeys(numbers)) : remove duplicate numbers / drop the duplicates from the list : let each number occur just once
first : numbers[:$k] : take the first $k numbers / keep the first $k numbers : cut the list off after $k items
last : numbers[-$k:] : take the last $k numbers / keep the last $k numbers : cut away all but the final $k items
later : numbers[$k:] : drop the first $k numbers / remove the first $k numbers : skip $k items at the start
earlier : numbers[:-$k] : drop the last $k numbers / remove the last $k numbers : skip $k items at the end
alternate : numbers[::2] : take every second number / keep every other number : pick the items at even positions
offset : numbers[1::2] : - : pick the items at odd positions / take every second number, beginning with the second
rotated : numbers[$k:] + numbers[:$k] : rotate the list left by $k / rotate the numbers to the left by $k : move the first $k items to the back
running : [sum(numbers[:i + 1]) for i in range(len(numbers))] : - : compute the running totals / replace the numbers by their cumulative sums
gaps : [b - a for a, b in zip(numbers, numbers[1:])] : take the differences of neighbouring numbers / compute the differences between neighbours : subtract each item from the one that follows
pairs : [a + b for a, b in zip(numbers, numbers[1:])] : - : add up neighbouring numbers / compute the sums of adjacent pairs
capped : [min(n, $k) for n in numbers] : cap every number at $k / limit each number to at most $k : let none of them exceed $k
floored : [max(n, $k) for n in numbers] : - : let none of them fall below $k / bring smaller numbers up to $k
weighted : [i * n for i, n in enumerate(numbers)] : multiply every number by its index / multiply each number by its position : weight all of them by their index
mirrored : numbers + numbers[::-1] : - : append the mirror image of the list / follow the list with its reverse
repeated : numbers * 2 : repeat the list twice / repeat the numbers twice : put a second copy of the list after it
trimmed : sorted(numbers)[1:-1] : - : sort the list without its smallest and largest item / order what lies between the extremes
""",
)

_FROM_NUMBERS = (
    _table(
        "numbers",
        "number",
        """
sum : sum(numbers) : add the numbers up / compute the sum : find the total
largest : max(numbers) : find the largest number / find the maximum : pick the greatest of them
smallest : min(numbers) : find the smallest number / find the minimum : pick the least of them
count : len(numbers) : count the numbers / count how many numbers there are : find the length of the list
range : max(numbers) - min(numbers) : - : measure the spread between the extremes / find by how much the largest exceeds the smallest
ends : numbers[0] + numbers[-1] : add the first and the last number / compute the sum of the first and the last number : total the two ends
""",
    )
    + _table(
        "numbers",
        "words",
        """
strings : [str(n) for n in numbers] : turn every number into a string / convert each number to a string : write all of them as text
""",
    )
    + _table(
        "numbers",
        "text",
        """
joined : "-".join(str(n) for n in numbers) : join the numbers with dashes / join them with dashes : put hyphens between the numbers
""",
    )
    + _table(
        "numbers",
        "answer",
        """
counts : {n: numbers.count(n) for n in numbers} : count how often each number occurs / map each number to its count : make a table of frequencies
squares : {n: n * n for n in numbers} : map each number to its square / make a dictionary from numbers to squares : look up the square of each in a table
increasing : numbers == sorted(numbers) : check if the numbers are sorted / test whether the list is sorted : say if they are in ascending order
""",
    )
)

_TEXT = _table(
    "text",
    "text",
    """
upper : text.upper() : convert the text to upper case / turn the text into upper case : make all letters capital
swapped : text.swapcase() : - : exchange upper and lower case / swap the case of all letters
reversed : text[::-1] : reverse the text / reverse the string : spell it backwards
compact : text.replace(" ", "") : remove the spaces / remove all spaces from the text : close up the blanks
dashed : text.replace(" ", "-") : replace spaces with dashes / replace every space by a dash : put hyphens where the blanks are
without : text.replace("$c", "") : remove every letter $c / remove the letter $c from the text : leave out each $c
starred : text.replace("$c", "*") : replace the letter $c with a star / replace every $c by a star : hide each $c behind an asterisk
consonants : "".join(c for c in text if c not in "aeiou") : remove the vowels / remove all vowels from the text : leave out a, e, i, o and u
vowels : "".join(c for c in text if c in "aeiou") : - : keep nothing but vowels / leave only a, e, i, o and u
first : text[:$k] : take the first $k characters / keep the first $k characters : cut the text off after position $k
last : text[-$k:] : take the last $k characters / keep the last $k characters : cut away all but the final $k letters
later : text[$k:] : drop the first $k characters / remove the first $k characters : skip $k letters at the start
alternate : text[::2] : take every second character / keep every other character : pick the letters at even positions
doubled : "".join(c * 2 for c in text) : double every character / double each character : write all letters two times
sorted : "".join(sorted(text)) : - : put the letters in alphabetical order / arrange the characters alphabetically
""",
) + _table(
    "text",
    "words",
    """
split : text.split() : split the text into words / split it into words : break the text up at the blanks
""",
)

_FROM_TEXT = _table(
    "text",
    "number",
    """
length : len(text) : count the characters / compute the length of the text : find how long the text is
vowels : sum(c in "aeiou" for c in text) : count the vowels / count how many vowels there are : find the number of a, e, i, o and u
letter : text.count("$c") : count the letter $c / count how often the letter $c occurs : find how many times $c appears
""",
) + _table(
    "text",
    "answer",
    """
counts : {c: text.count(c) for c in text} : count how often each character occurs / map each character to its count : make a table of letter frequencies
contains : "$c" in text : - : check for the presence of $c / say if $c occurs anywhere
""",
)

_WORDS = _table(
    "words",
    "words",
    """
long : [w for w in words if len(w) > $k] : keep the words longer than $k letters / keep only words with more than $k letters : discard words of up to $k letters
short : [w for w in words if len(w) < $k] : keep the words shorter than $k letters / keep only words with fewer than $k letters : discard words of $k letters or more
starting : [w for w in words if w.startswith("$c")] : keep the words that start with $c / keep only words starting with $c : pick those whose initial is $c
ending : [w for w in words if w.endswith("$c")] : keep the words that end with $c / keep only words ending with $c : pick those whose final letter is $c
containing : [w for w in words if "$c" in w] : keep the words that contain $c / keep only words containing $c : pick those with $c somewhere
lacking : [w for w in words if "$c" not in w] : - : pick those that have no $c / keep the words free of $c
upper : [w.upper() for w in words] : convert every word to upper case / turn each word into upper case : make all words capital
capitalized : [w.capitalize() for w in words] : capitalize every word / capitalize each word : give all of them a big initial
reversed : [w[::-1] for w in words] : reverse every word / reverse each word : spell all of them backwards
ordered : sorted(words) : sort the words / sort the words alphabetically : arrange them as in a dictionary
lengths : sorted(words, key=len) : sort the words by length / sort the words by their length : arrange them from shortest to longest
backward : words[::-1] : reverse the list of words / reverse the order of the words : turn the sequence around
distinct : list(dict.fromkeys(words)) : remove duplicate words / drop the duplicates from the words : let each word occur just once
first : words[:$k] : take the first $k words / keep the first $k words : cut the list off after $k words
last : words[-$k:] : take the last $k words / keep the last $k words : cut away all but the final $k words
alternate : words[::2] : - : pick the words at even positions / take every second word
initials : [w[0] for w in words] : take the first letter of every word / take the first letter of each word : reduce all of them to their initials
suffixed : [w + "$c" for w in words] : append $c to every word / append $c to each word : let all of them end in an extra $c
numbered : [str(i) + w for i, w in enumerate(words)] : - : put its index in front of each word / prefix all of them with their position
""",
)

_FROM_WORDS = (
    _table(
        "words",
        "text",
        """
joined : " ".join(words) : join the words with spaces / join them with spaces : put blanks between the words
glued : "".join(words) : join the words without a separator / concatenate the words : stick the words together
longest : max(words, key=len) : find the longest word / find the word with the most letters : pick the one of greatest length
shortest : min(words, key=len) : - : find the shortest word / pick the one of least length
""",
    )
    + _table(
        "words",
        "numbers",
        """
sizes : [len(w) for w in words] : take the length of every word / compute the length of each word : replace all of them by their number of letters
""",
    )
    + _table(
        "words",
        "number",
        """
count : len(words) : count the words / count how many words there are : find the number of words
letters : sum(len(w) for w in words) : count all letters of the words / count the letters in all words : find the total length
""",
    )
    + _table(
        "words",
        "scores",
        """
sizes : {w: len(w) for w in words} : map each word to its length / make a dictionary from words to lengths : look up the length of each in a table
""",
    )
    + _table(
        "words",
        "answer",
        """
counts : {w: words.count(w) for w in words} : count how often each word occurs / map each word to its count : make a table of word frequencies
""",
    )
)

_NUMBER = _table(
    "number",
    "number",
    """
square : number * number : square the number / square it : multiply it by itself
plus : number + $k : add $k / add $k to it : increase it by $k
minus : number - $k : subtract $k / subtract $k from it : decrease it by $k
times : number * $k : multiply by $k / multiply it by $k : scale it by a factor of $k
halved : number // $k : divide by $k without remainder / divide it by $k without remainder : find how often $k fits into it
modulo : number % $k : take it modulo $k / compute it modulo $k : find what is left after division by $k
mirrored : int(str(number)[::-1]) : - : reverse the digits / read its digits backwards
triangular : number * (number + 1) // 2 : - : sum everything from 1 up to it / compute its triangular number
last : number % 10 : take the last digit / keep the last digit : find its units digit
""",
)

_FROM_NUMBER = (
    _table(
        "number",
        "numbers",
        """
digits : [int(d) for d in str(number)] : list the digits / take the list of digits : break it up into its digits
upto : list(range(1, number + 1)) : list the numbers from 1 up to it / make the list from 1 up to it : count from 1 until it is reached
divisors : [d for d in range(1, number + 1) if number % d == 0] : list the divisors / find all divisors : collect what divides it
multiples : [number * i for i in range(1, $k + 1)] : - : list its first $k multiples / collect $k multiples of it
""",
    )
    + _table(
        "number",
        "text",
        """
string : str(number) : convert it to a string / turn it into a string : write it as text
binary : bin(number)[2:] : convert it to binary / write it in binary : spell it in base two
""",
    )
    + _table(
        "number",
        "answer",
        """
even : number % 2 == 0 : check if it is even / test whether it is even : say if two divides it
above : number > $k : check if it is greater than $k / test whether it is greater than $k : say if it exceeds $k
""",
    )
)

_SCORES = _table(
    "scores",
    "scores",
    """
above : {k: v for k, v in scores.items() if v > $k} : keep the entries with a value greater than $k / keep only entries with values above $k : discard entries valued up to $k
below : {k: v for k, v in scores.items() if v < $k} : keep the entries with a value less than $k / keep only entries with values below $k : discard entries valued $k or more
even : {k: v for k, v in scores.items() if v % 2 == 0} : keep the entries with an even value / keep only entries with even values : drop entries whose value is odd
starting : {k: v for k, v in scores.items() if k.startswith("$c")} : - : keep the entries whose key starts with $c / pick entries with the initial $c
raised : {k: v + $k for k, v in scores.items()} : add $k to every value / add $k to each value : raise all values by $k
scaled : {k: v * $k for k, v in scores.items()} : multiply every value by $k / multiply each value by $k : scale all values by a factor of $k
squared : {k: v * v for k, v in scores.items()} : - : square every value / replace all values by their squares
upper : {k.upper(): v for k, v in scores.items()} : convert every key to upper case / turn each key into upper case : make all keys capital
""",
)

_FROM_SCORES = (
    _table(
        "scores",
        "numbers",
        """
values : list(scores.values()) : list the values / take the list of values : collect what the keys map to
""",
    )
    + _table(
        "scores",
        "words",
        """
keys : list(scores) : list the keys / take the list of keys : collect the names of the entries
ranked : sorted(scores, key=scores.get) : sort the keys by value / sort the keys by their value : rank the keys from lowest to highest
""",
    )
    + _table(
        "scores",
        "text",
        """
best : max(scores, key=scores.get) : find the key with the largest value / find the key of the maximum : pick the top entry's name
worst : min(scores, key=scores.get) : - : find the key with the smallest value / pick the bottom entry's name
""",
    )
    + _table(
        "scores",
        "answer",
        """
inverted : {v: k for k, v in scores.items()} : swap keys and values / invert the dictionary : map the values back to their keys
""",
    )
)

PRIMITIVES: tuple[Primitive, ...] = tuple(
    _NUMBERS
    + _FROM_NUMBERS
    + _TEXT
    + _FROM_TEXT
    + _WORDS
    + _FROM_WORDS
    + _NUMBER
    + _FROM_NUMBER
    + _SCORES
    + _FROM_SCORES
)
