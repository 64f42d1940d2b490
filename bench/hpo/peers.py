"""Runs scikit-optimize, Optuna's TPE and Optuna's GP sampler on the problems of problems.go.

    python peers.py OUT.csv --peers skopt,tpe,gpsampler --seeds 0:50 [--problems a,b]

Each run begins with the ten points of design(), which are the same for every
optimizer, and ends after 80 evaluations or those asked for. A row holds peer, problem, seed,
seconds for proposals at 40 points, and the lowest value after each of AT evaluations.
Runs that OUT has already, of as many evaluations, are skipped.

scikit-optimize 0.10.2, Optuna 5.0.0, torch 2.15.0, scipy 1.17.1, numpy 2.4.6, Python 3.11.
"""

import argparse
import csv
import json
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")

import numpy as np

AT = [10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80]
INITIAL = 10


def branin(x, y):
    return (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


H_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
H3_A = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
H3_P = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
H6_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
H6_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(a, p):
    return lambda *x: -np.sum(H_ALPHA * np.exp(-np.sum(a * (np.array(x) - p) ** 2, axis=1)))


def levy(*x):
    w = 1 + (np.array(x) - 1) / 4
    mid = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
    return np.sin(np.pi * w[0]) ** 2 + mid + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)


def rosenbrock(*x):
    x = np.array(x)
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def styblinski(*x):
    x = np.array(x)
    return 0.5 * np.sum(x**4 - 16 * x**2 + 5 * x)


def camel(x, y):
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (-4 + 4 * y**2) * y**2


def beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def func_c(parts):
    """Func-2C and Func-3C of Ru et al., arXiv:1906.08878."""

    def f(*args):
        h, x, y = args[:parts], 2 * args[-2], 2 * args[-1]
        basis = [rosenbrock(x, y) / 300, camel(x, y) / 10, beale(x, y) / 50]
        v = basis[h[0]] + basis[min(h[1], 2)]
        if parts == 3:
            v += [5 * basis[1], 2 * basis[0], 2 * basis[2], 3 * basis[2]][h[2]]
        return v

    return f


def ackley(x):
    x = np.array(x, float)
    return 20 + np.e - 20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) - np.exp(np.mean(np.cos(2 * np.pi * x)))


def ackley_mixed(*args):
    """Three bits and two numbers, after Daulton et al., arXiv:2210.10199."""
    return ackley([*args[:3], *args[3:]])


def vessel(s, h, r, l):
    """Pressure vessel (Sandgren, 1990): shells in steps of 1/16 inch; broken bounds cost their share."""
    a, b = s * 0.0625, h * 0.0625
    cost = 0.6224 * a * r * l + 1.7781 * b * r * r + 3.1661 * a * a * l + 19.84 * a * a * r
    broken = max(0.0, 0.0193 * r / a - 1) + max(0.0, 0.00954 * r / b - 1)
    broken += max(0.0, 1 - (np.pi * r * r * l + 4 / 3 * np.pi * r**3) / 1296000)
    return np.log(cost) + 10 * broken


def real(lo, hi, n=1):
    return [("real", lo, hi)] * n


PROBLEMS = {
    "branin": (branin, real(-5, 10) + real(0, 15)),
    "hartmann3": (hartmann(H3_A, H3_P), real(0, 1, 3)),
    "hartmann6": (hartmann(H6_A, H6_P), real(0, 1, 6)),
    "levy4": (levy, real(-10, 10, 4)),
    "rosenbrock4": (rosenbrock, real(-5, 10, 4)),
    "styblinski4": (styblinski, real(-5, 5, 4)),
    "func2c": (func_c(2), [("cat", 3), ("cat", 5)] + real(-1, 1, 2)),
    "func3c": (func_c(3), [("cat", 3), ("cat", 5), ("cat", 4)] + real(-1, 1, 2)),
    "ackley5m": (ackley_mixed, [("int", 0, 1)] * 3 + real(-1, 1, 2)),
    "vessel": (vessel, [("int", 1, 99), ("int", 1, 99)] + real(10, 200) + real(10, 240)),
}


def goldstein(a, b):
    return (1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a * a - 14 * b + 6 * a * b + 3 * b * b)) * (
        30 + (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a * a + 48 * b - 36 * a * b + 27 * b * b)
    )


def griewank(*x):
    return 1 + sum(v * v / 4000 for v in x) - np.prod([np.cos(v / np.sqrt(i + 1)) for i, v in enumerate(x)])


def zakharov(*x):
    linear = sum(0.5 * (i + 1) * v for i, v in enumerate(x))
    return sum(v * v for v in x) + linear**2 + linear**4


def dixon(*x):
    return (x[0] - 1) ** 2 + sum((i + 1) * (2 * x[i] ** 2 - x[i - 1]) ** 2 for i in range(1, len(x)))


# heldout.go
PROBLEMS |= {
    "camel": (camel, real(-3, 3) + real(-2, 2)),
    "goldstein": (goldstein, real(-2, 2, 2)),
    "ackley3": (lambda *x: ackley(x), real(-32.768, 32.768, 3)),
    "griewank5": (griewank, real(-50, 50, 5)),
    "cosine8": (lambda *x: sum(v * v - 0.1 * np.cos(5 * np.pi * v) for v in x), real(-1, 1, 8)),
    "zakharov4": (zakharov, real(-5, 10, 4)),
    "dixon3": (dixon, real(-10, 10, 3)),
    "rastrigin2": (lambda *x: 20 + sum(v * v - 10 * np.cos(2 * np.pi * v) for v in x), real(-5.12, 5.12, 2)),
    "mixedlevy": (levy, [("int", -10, 10)] * 2 + real(-10, 10, 2)),
    "labelled": (lambda k, x, y: camel(x - 0.2 * k, y + 0.1 * k) + (k - 4) ** 2 / 4 - 1, [("cat", 6)] + real(-3, 3, 2)),
}


def table_problem():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clothing5.json")
    if not os.path.exists(path):
        return
    table = json.load(open(path))
    if "loss" not in table:
        return
    sizes = [len(p["values"]) for p in table["params"]]
    losses = np.array(table["loss"]).reshape(sizes)
    PROBLEMS["clothing5"] = (lambda *i: losses[tuple(i)], [("int", 0, n - 1) for n in sizes])


table_problem()

MASK = (1 << 64) - 1


class Lots:
    """splitmix64, as in design.go."""

    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) >> 11

    def float(self):
        return self.next() / (1 << 53)


def design(dims, seed):
    """A Latin hypercube of INITIAL points in [0, 1)."""
    lots = Lots(seed * 1000003 + 17)
    out = [[0.0] * dims for _ in range(INITIAL)]
    for d in range(dims):
        order = list(range(INITIAL))
        for i in range(INITIAL - 1, 0, -1):
            j = int(lots.float() * (i + 1))
            order[i], order[j] = order[j], order[i]
        for i in range(INITIAL):
            out[i][d] = (order[i] + lots.float()) / INITIAL
    return out


def from_unit(dim, u):
    if dim[0] == "real":
        return dim[1] + u * (dim[2] - dim[1])
    if dim[0] == "int":
        return dim[1] + int(u * (dim[2] - dim[1] + 1))
    return int(u * dim[1])


def skopt(f, dims, x0, y0, seed, n):
    from skopt import Optimizer  # noqa: F401  (gp_minimize wraps it)
    from skopt import gp_minimize
    from skopt.space import Categorical, Integer, Real

    make = {"real": lambda d: Real(d[1], d[2]), "int": lambda d: Integer(d[1], d[2]), "cat": lambda d: Categorical(list(range(d[1])))}
    times = []
    result = gp_minimize(
        lambda x: f(*x), [make[d[0]](d) for d in dims], n_calls=n - len(y0), n_initial_points=0, x0=x0, y0=list(y0),
        random_state=seed, callback=lambda _: times.append(time.perf_counter()),
    )
    return list(result.func_vals), (times[30] - times[25]) / 5


def optuna(sampler):
    def run(f, dims, x0, y0, seed, n):
        import optuna as o

        o.logging.set_verbosity(o.logging.ERROR)
        make = {
            "real": lambda d: o.distributions.FloatDistribution(d[1], d[2]),
            "int": lambda d: o.distributions.IntDistribution(d[1], d[2]),
            "cat": lambda d: o.distributions.CategoricalDistribution(list(range(d[1]))),
        }
        dist = {f"x{i}": make[d[0]](d) for i, d in enumerate(dims)}
        s = o.samplers.TPESampler(seed=seed, n_startup_trials=INITIAL) if sampler == "tpe" else o.samplers.GPSampler(seed=seed, n_startup_trials=INITIAL)
        study = o.create_study(sampler=s)
        for x, y in zip(x0, y0):
            study.add_trial(o.trial.create_trial(params={f"x{i}": v for i, v in enumerate(x)}, distributions=dist, value=float(y)))
        times = []
        for _ in range(n - len(y0)):
            start = time.perf_counter()
            trial = study.ask(dist)
            times.append(time.perf_counter() - start)
            study.tell(trial, float(f(*[trial.params[f"x{i}"] for i in range(len(dims))])))
        return [t.value for t in study.trials], float(np.median(times[28:33]))

    return run


PEERS = {"skopt": skopt, "tpe": optuna("tpe"), "gpsampler": optuna("gp")}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("out")
    a.add_argument("--peers", default="skopt,tpe,gpsampler")
    a.add_argument("--problems", default=",".join(PROBLEMS))
    a.add_argument("--seeds", default="0:50")
    a.add_argument("--evaluations", type=int, default=AT[-1])
    a = a.parse_args()
    done = set()
    if os.path.exists(a.out):
        done = {tuple(r[:3]) for r in csv.reader(open(a.out)) if r[4 + max(i for i, n in enumerate(AT) if n <= a.evaluations)]}
    lo, hi = map(int, a.seeds.split(":"))
    for seed in range(lo, hi):
        for peer in a.peers.split(","):
            for name in a.problems.split(","):
                if (peer, name, str(seed)) in done:
                    continue
                f, dims = PROBLEMS[name]
                x0 = [[from_unit(d, u) for d, u in zip(dims, row)] for row in design(len(dims), seed)]
                y0 = [float(f(*x)) for x in x0]
                ys, seconds = PEERS[peer](f, dims, x0, y0, seed, a.evaluations)
                best = np.minimum.accumulate(ys)
                row = [peer, name, seed, f"{seconds:.4f}"] + [f"{best[k - 1]:.10g}" if k <= len(best) else "" for k in AT]
                with open(a.out, "a") as out:
                    out.write(",".join(map(str, row)) + "\n")


if __name__ == "__main__":
    main()
