"""Short Python programs, and what they print."""

from names import any_word
from writing import say


def program(r):
    """(what, code, printed output or None when it varies)"""
    n, m = r.randint(3, 40), r.randint(2, 12)
    numbers = [r.randint(1, 60) for _ in range(r.randint(3, 7))]
    word = any_word(r)
    pick = r.randrange(24)
    if pick == 0:
        return f"{{adds|sums}} the numbers from 1 to {n}", f"print(sum(range(1, {n} + 1)))"
    if pick == 1:
        return f"{{computes|calculates|prints}} the factorial of {m}", f"import math\n\nprint(math.factorial({m}))"
    if pick == 2:
        return (
            f"{{prints|computes}} the first {m} Fibonacci numbers",
            f"a, b = 0, 1\nfor _ in range({m}):\n    print(a)\n    a, b = b, a + b",
        )
    if pick == 3:
        return f"reverses the {{string|word}} {word}", f'text = "{word}"\nprint(text[::-1])'
    if pick == 4:
        return (
            f"prints {{all |}}{{the |}}primes {{under|below}} {n}",
            f"for n in range(2, {n}):\n    if all(n % d for d in range(2, n)):\n        print(n)",
        )
    if pick == 5:
        return f"prints the squares from 1 to {m}", f"for n in range(1, {m} + 1):\n    print(n, n * n)"
    if pick == 6:
        return (
            f"prints the {{multiplication|times}} table of {m}",
            f'for n in range(1, 11):\n    print(n, "x", {m}, "=", n * {m})',
        )
    if pick == 7:
        return (
            f"{{computes|calculates}} the average of {', '.join(map(str, numbers))}",
            f"numbers = {numbers}\nprint(sum(numbers) / len(numbers))",
        )
    if pick == 8:
        return f"counts the vowels in {word}", f'text = "{word}"\nprint(sum(letter in "aeiou" for letter in text.lower()))'
    if pick == 9:
        return "prints today's date", "from datetime import date\n\nprint(date.today())"
    if pick == 10:
        return f"prints a random number {{from|between}} 1 {{to|and}} {n}", f"import random\n\nprint(random.randint(1, {n}))"
    if pick == 11:
        return f"sorts the list {', '.join(map(str, numbers))}", f"numbers = {numbers}\nprint(sorted(numbers))"
    if pick == 12:
        return f"prints {{hello|Hello}}{{,|}} {word}", f'print("Hello, {word}!")'
    if pick == 13:
        return f"counts from 1 to {m}", f"for n in range(1, {m} + 1):\n    print(n)"
    if pick == 14:
        return f"counts down from {m}", f"for n in range({m}, 0, -1):\n    print(n)"
    if pick == 15:
        return f"{{finds|prints}} the largest of {', '.join(map(str, numbers))}", f"numbers = {numbers}\nprint(max(numbers))"
    if pick == 16:
        return f"prints the even numbers up to {n}", f"for n in range(2, {n} + 1, 2):\n    print(n)"
    if pick == 17:
        return f"checks {{whether|if}} {n} is {{a |}}prime", f"n = {n}\nprint(n > 1 and all(n % d for d in range(2, n)))"
    if pick == 18:
        return f"counts the letters {{in|of}} {word}", f'print(len("{word}"))'
    if pick == 19:
        return f"prints {word} {m} times", f'for _ in range({m}):\n    print("{word}")'
    if pick == 20:
        return f"{{computes|calculates}} {m} to the power of {min(n, 9)}", f"print({m} ** {min(n, 9)})"
    if pick == 21:
        return "prints hello world", 'print("Hello, world!")'
    if pick == 22:
        return f"converts {n} degrees Celsius to Fahrenheit", f"celsius = {n}\nprint(celsius * 9 / 5 + 32)"
    return f"writes {word} in upper case", f'print("{word}".upper())'


def block(code):
    return f"```python\n{code}\n```"


def result_turn(c, output, asked=None):
    role = c.r.choice(["ipython", "ipython", "tool"])
    c.add(role, output)
    if output.endswith("Error") or "Error:" in output:
        c.answer(
            ["{Python reported an error|That failed}: [o]", "Sorry, the program stopped with an error: [o]"], output, o=output
        )
    elif "\n" in output:
        c.answer("{The output is|The program printed}:\n\n[o]", output, o=output)
    else:
        c.answer(["The result is [o].", "The answer is [o].", "The output is [o]."], output, o=output)


def run(code):
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {"__name__": "__main__"})
    return out.getvalue().strip()


def python(c):
    r = c.r
    if r.random() < 0.3:
        a, b, op = r.randint(2, 9999), r.randint(2, 999), r.choice(["*", "+", "-", "/", "**", "%", "//"])
        if op == "**":
            b = r.randint(2, 9)
            a = r.randint(2, 30)
        code, output = f"print({a} {op} {b})", str(eval(f"{a} {op} {b}"))
        spoken = {
            "*": "{*|times|x}",
            "+": "{+|plus}",
            "-": "{-|minus}",
            "/": "{/|divided by}",
            "**": "{**|to the power of}",
            "%": "{%|modulo}",
            "//": "//",
        }[op]
        c.ask(
            [
                f"{{Compute|Calculate|Work out|What is}} [a] {spoken} [b] {{with|using|in}} Python{{.|?}}",
                f"{{Use|With}} Python{{:|, calculate| to calculate}} [a] {spoken} [b]{{.|}}",
                f"[a] {spoken} [b] {{with|in}} Python, please.",
            ],
            block(code),
            code,
            raw=True,
            a=a,
            b=b,
        )
        c.must = [f"print({a} {op} {b})"]
        if r.random() < 0.75 and not c.heldout:
            if r.random() < 0.12:
                output = r.choice(
                    [
                        "ZeroDivisionError: division by zero",
                        "NameError: name 'x' is not defined",
                        "TimeoutError",
                        "SyntaxError: invalid syntax",
                    ]
                )
            result_turn(c, output)
        return
    what, code = program(r)
    what = say(r, what)
    lead = r.choice(["", "", "Here is the program:\n\n", "Sure:\n\n", "This Python program does it:\n\n"])
    c.ask(
        [
            "{Write|Give me|Show me|I need} {a |}Python {program|code|script} that [w].",
            "{Write|Create} Python {code |}that [w].",
            "Can you write {a |}Python {program|code|script} that [w]?",
            "{Please w|W}rite a {program|script} that [w]{ in Python|, in Python|}.",
            "Python code that [w]{, please|}.",
            "Write a {small |short |}Python {script|program} which [w].",
        ],
        lead + block(code),
        code,
        raw=True,
        w=what,
    )
    if c.heldout:
        return
    draw = r.random()
    if draw < 0.3 and "import random" not in code and "today" not in code:
        result_turn(c, run(code))
    elif draw < 0.4:
        c.ask(
            ["What does {it|this|that|the program} print?", "What is the output?"],
            ["Run it to see. {It [w].|The program [w].}"],
            what,
            w=what,
        )
    elif draw < 0.5:
        c.ask(
            ["{What does|Explain} {this|that|the} {program|code}{ do|}{?|.}", "What does it do?"],
            ["It [w].", "The program [w]."],
            what,
            w=what,
        )
