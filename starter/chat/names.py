"""Invented words, names and places. Most are new each time, so that a model learns to copy and not to know them."""

import facts as f

# A sound that stands here more often comes more often.
ONSETS = f.words(
    "b, br, c, ch, cl, d, dr, f, fl, fr, g, gl, gr, h, j, k, kl, kr, l, m, n, p, ph, pl, pr, qu, r, s, sc, sh, sk, "
    "sl, sm, sn, sp, st, str, sw, t, th, tr, tw, v, vl, w, x, y, z, zh, b, d, f, g, h, j, k, l, m, n, p, r, s, t, "
    "v, w, y, z, m, n, l, r, k, t"
)
VOWELS = f.words("a, e, i, o, u, a, e, i, o, u, a, e, i, o, u, ai, ea, ee, ei, ia, ie, io, oa, oo, ou, ua, ay, y")
CODAS = [""] * 5 + f.words("n, r, l, s, m, t, k, d, x, nd, rt, th, sh, ck, lf, ng, nn, ll, rk, st, p, b, g, v, z")


def invented_word(r, most=3):
    parts = r.choice([1, 2, 2, 2, 3, 3][: most + 3])
    text = "".join(
        r.choice(ONSETS) + r.choice(VOWELS) + (r.choice(CODAS) if i == parts - 1 or r.random() < 0.3 else "")
        for i in range(parts)
    )
    if r.random() < 0.25:
        text = r.choice("aeiou") + text
    return text[:12] if len(text) > 2 else text + r.choice("anelo")


def invented_name(r):
    draw = r.random()
    if draw < 0.33:
        return r.choice(f.NAMES)
    name = invented_word(r).capitalize() + (
        r.choice(["a", "o", "us", "ia", "in", "ina", "el", "son", "is", "ulina", "ette"]) if draw < 0.55 else ""
    )
    if draw > 0.97:
        return name + "-" + r.choice(f.NAMES)
    return name + " " + invented_word(r).capitalize() if draw > 0.91 else name


def place(r):
    if r.random() < 0.6:
        return r.choice(f.CITIES)
    return invented_word(r).capitalize() + r.choice(
        ["", "", "ville", "burg", "ton", "stad", "heim", "ford", "port", " Bay", " Hill"]
    )


def any_word(r):
    return r.choice(f.WORDS) if r.random() < 0.6 else invented_word(r)


def year_or_number(r, top=99):
    return str(r.randint(1, top))


def age(r):
    return str(r.randint(5, 95))
