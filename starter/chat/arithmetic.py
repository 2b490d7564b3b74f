"""Sums, differences, products by parts, and divisions."""

from heldout import held
from writing import number_words


def shown(r, n):
    return number_words(n) if n <= 999 and r.random() < 0.22 else str(n)


def long_product(a, b):
    """23 x 45 by parts, so that each step is easy."""
    if b < 10 and a < 10:
        return f"{a} × {b} = {a * b}."
    if b < 10:
        a, b = b, a
    if a < 10:
        tens, ones = b // 10 * 10, b % 10
        if not ones:
            return f"{a} × {b} = {a * b}."
        return f"{a} × {tens} = {a * tens} and {a} × {ones} = {a * ones}, so {a} × {b} = {a * b}."
    tens, ones = b // 10 * 10, b % 10
    if not ones:
        return f"{a} × {b // 10} = {a * (b // 10)}, so {a} × {b} = {a * b}."
    if not a % 10:
        return f"{a // 10} × {b} = {a // 10 * b}, so {a} × {b} = {a * b}."
    return f"{a} × {tens} = {a * tens} and {a} × {ones} = {a * ones}, so {a} × {b} = {a * tens} + {a * ones} = {a * b}."


LEAD = "{What is|What's|How much is|Calculate|Compute|Tell me|Please work out|And|Can you calculate|What does|Quick:|}"


def sum_values(r):
    draw = r.random()
    top = 12 if draw < 0.15 else 99 if draw < 0.6 else 999
    return r.randint(0, top), r.randint(0, top if r.random() < 0.75 else 99)


def operate(c, kind, a, b, asked=None):
    r = c.r
    if kind == "+":
        result, words = a + b, ["[a] {+|plus} [b]", "[a]+[b]", "the sum of [a] and [b]", "[a] and [b] together"]
        reply = ["[x] + [y] = [z].", "[x] + [y] {is|equals} [z]."]
    elif kind == "-":
        a, b = max(a, b), min(a, b)
        if r.random() < 0.08:
            a, b = b, a
        result, words = a - b, [
            "[a] {-|minus} [b]",
            "[a]-[b]",
            "[a] {minus|less|take away} [b]",
            "the difference {between|of} [a] and [b]" if a >= b else "[a] minus [b]",
        ]
        reply = ["[x] - [y] = [z].", "[x] - [y] {is|equals} [z]."]
    elif kind == "*":
        result, words = a * b, ["[a] {times|*|x|×} [b]", "[a]*[b]", "[a] {multiplied by|times} [b]", "the product of [a] and [b]"]
        reply = long_product(a, b)
    else:
        result, words = a // b, ["[a] {/|divided by|:|÷} [b]", "[a]/[b]", "[a] {divided by|over} [b]"]
        left = a - result * b
        reply = "[x] ÷ [y] = [z]." if not left else f"[x] ÷ [y] = [z] with remainder {left}, because [y] × [z] = {result * b}."
    # whether a pair of numbers is held out depends on the numbers alone
    asked = asked or [LEAD + " " + w + e for w in words for e in ("?", "", ".")]
    c.ask([x.strip() for x in asked], reply, str(result), a=shown(r, a), b=shown(r, b), x=a, y=b, z=result)
    return result


def arithmetic(c, kind=None):

    r = c.r
    kind = kind or r.choices("+-*/", [34, 28, 28, 10])[0]

    def draw():
        if kind in "+-":
            return sum_values(r)
        if kind == "*":
            return r.choice(
                [
                    (r.randint(0, 12), r.randint(0, 12)),
                    (r.randint(2, 99), r.randint(2, 9)),
                    (r.randint(2, 9), r.randint(11, 99)),
                    (r.randint(11, 99), r.randint(11, 99)),
                    (r.randint(11, 99), r.randint(11, 99)),
                ]
            )
        b = r.randint(2, 12)
        return (b * r.randint(1, 12) + (r.randint(1, b - 1) if r.random() < 0.2 else 0)), b

    for _ in range(40):
        a, b = draw()
        if held(f"{a}{kind}{b}") == c.heldout:
            break
    result = operate(c, kind, a, b)
    while r.random() < 0.22 and not c.heldout and kind in "+-*":
        n = r.randint(1, 20) if kind != "*" else r.randint(2, 9)
        if (kind == "*" and result > 99) or result > 900 or result < 0:
            break
        op = {
            "+": "{Add|Plus|And add|Now add} [b]{ to that|}.",
            "-": "{Subtract|Minus|Now subtract|Take away} [b]{ from that|}.",
            "*": "{Times|Multiply {that|it} by|And times} [b].",
        }
        kind = r.choice("+-*" if result <= 99 else "+-")
        if kind == "-" and n > result:
            kind = "+"
        a, b = result, n
        result = {"+": a + b, "-": a - b, "*": a * b}[kind]
        reply = long_product(a, b) if kind == "*" else f"{a} {kind} {b} = {result}."
        c.ask(op[kind], reply, str(result), b=shown(r, b))
