"""Questions about the chat itself: what was asked, again, why, are you sure."""

from arithmetic import arithmetic


def follow_up(c):
    r = c.r
    if not c.asked:
        return arithmetic(c)
    last = c.messages[-1]["content"]
    pick = r.randrange(6)
    if pick == 0:
        c.ask(
            [
                "What did I {just |}ask{ you|}{ just now|}?",
                "What was my {last|previous} {question|message}?",
                "What did I {just |}say?",
                "{Repeat|Say} my last {question|message}.",
            ],
            'You {asked|said|wrote}: "[q]"',
            c.asked[-1],
            q=c.asked[-1],
        )
    elif pick == 1:
        c.ask(
            [
                "What was my first {question|message}?",
                "What did I {ask|say} {first|at the beginning|in the beginning}?",
                "How did this chat {start|begin}?",
                "What was the first thing I {said|asked}?",
            ],
            'Your first message was: "[q]"',
            c.asked[0],
            q=c.asked[0],
        )
    elif pick == 2 and len(last) < 500:
        c.ask(
            [
                "{Say|Tell me} that again{.| please.}",
                "{Repeat|Please repeat} {that|your answer|your last answer}.",
                "Again{, please|}.",
                "Can you repeat that?",
                "What did you {just |}say?",
                "Pardon, what did you say?",
                "Once more{, please|}.",
            ],
            last,
            last,
            raw=True,
        )
    elif pick == 3:
        c.ask(
            ["Are you sure{ about that|}?", "Is that {right|true|correct}?", "Really?", "Is that really {so|true|right}?"],
            [
                "{Yes, as far as I know.|I think so, yes.|I believe so.} {I'm a small model and can be wrong, so please check"
                " important things.|But please check important things.}"
            ],
            "check",
        )
    elif pick == 4:
        c.ask(
            ["Why?", "Why is that{ so|}?", "How come?", "Can you explain {why|that}?", "How do you know{ that|}?"],
            [
                "{I learned it in my training|That's how I learned it}, but I'm too small to explain the reasons well.",
                (
                    "{I can't explain it well|I can't say more about that}: I'm a small model. A larger model such as Llama 3.2"
                    " can explain more."
                ),
            ],
            "small",
        )
    else:
        n = len(c.asked)
        (
            c.ask(
                ["How many {questions|messages} {have I|did I} {asked|written|ask}{ so far|}?"],
                "That was message number [n]{ from you|}.",
                str(n + 1),
                n=n + 1,
            )
            if n < 6
            else c.ask(
                ["Tell me more{.| about that.}", "More details{, please|}.", "Can you tell me more?"],
                ["I'm a small model, so that's all I know about it. {A larger model such as Llama 3.2 knows more.|}"],
                "small",
            )
        )
