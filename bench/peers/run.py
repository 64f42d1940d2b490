"""Measures this library and its peers in turns: see README.md.

    python run.py BINARY FOLDER [--rounds 5] [--networks a,b] [--libraries a,b] [--jobs infer,train]
                  [--checks-only] [--write bench/RESULTS.md]

BINARY is the Go program beside this file, FOLDER what its export has written.
Results are kept in FOLDER/resultsCORES.json, so that runs over parts add up to one table.
"""

import argparse
import atexit
import datetime
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = "argus"
INFER = ["onnxruntime", "openvino", "torch", "torch-compile", "tensorflow"]
TRAIN = ["torch", "torch-compile", "tensorflow"]
GO = ["gorgonia", "gomlx"]  # what else there is in Go
NETWORKS = ["inception-v3", "efficientnet-b0", "efficientnet-b3", "resnet50", "efficientnet-lite0"]
TRAINED = ["inception-v3", "efficientnet-b0"]
BATCHES = {"infer": [1, 16], "train": [8], "go": [1]}
TOLERANCE = 1e-4  # of probabilities, relative to the largest
LOSS_TOLERANCE = 1e-3  # of the losses after one and two updates; TOLERANCE before
TURN = 0.4  # seconds


class Worker:
    """A long-lived process that computes only while it is asked something."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE if not os.environ.get("PEERS_DEBUG") else None,
            text=True, env=os.environ | environment)
        atexit.register(self.end)
        self.about = self.read()
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as f:
            f.write("5")  # what reading the network took does not count
        self.pause()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            error = self.process.stderr.read() if self.process.stderr else ""
            raise RuntimeError(error.strip().splitlines()[-1:] or "it ended")
        return json.loads(line)

    def signal(self, which):
        self.process.send_signal(which)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def ask(self, *words):
        self.signal(signal.SIGCONT)
        print(*words, file=self.process.stdin, flush=True)
        answer = self.read()
        self.pause()
        return answer

    def peak(self):
        """VmHWM in MB."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read())[1]) / 1000

    def processor(self):
        """Seconds of processor time until now, of all threads."""
        total, folder = 0, f"/proc/{self.process.pid}/task"
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def end(self):
        self.process.kill()
        self.process.wait()


def start(library, options, network, mode):
    threads = len(os.sched_getaffinity(0))
    if library in (OURS, "gorgonia"):
        mode = "gorgonia" if library == "gorgonia" else "infer" if mode == "go" else mode
        return Worker([options.binary, "serve", options.folder, network, mode], {"GOMAXPROCS": str(threads)})
    if library == "gomlx":
        path = os.path.join(options.folder, network)
        subprocess.run([sys.executable, os.path.join(HERE, "peers.py"), "onnx", options.folder, network], check=True)
        return Worker([os.path.join(os.path.dirname(options.binary), "gomlx"), path + ".onnx", path + ".raw"], {"GOMAXPROCS": str(threads)})
    return Worker([sys.executable, os.path.join(HERE, "peers.py"), library, options.folder, network, mode], {
        "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "2",
        "TORCHINDUCTOR_CACHE_DIR": os.path.join(options.folder, "inductor"), "TORCHINDUCTOR_FX_GRAPH_CACHE": "1"})


def start_all(libraries, options, network, mode):
    workers = {}
    for library in libraries:
        try:
            workers[library] = start(library, options, network, mode)
        except RuntimeError as e:
            print(f"{library} does not run {network} {mode}: {e}", file=sys.stderr)
    return workers


def sides(options, job):
    """The libraries that do a job."""
    if job == "go":
        return [OURS, *GO]
    return [x for x in options.libraries if x in TRAIN + [OURS] or "own" in x or job == "infer"]


def check(options, network, job):
    """Says how far every peer is from ours, and fails where that is too far."""
    mode, batch = {"infer": "infer", "go": "go", "train": "check"}[job], BATCHES[job][-1]
    libraries = [x for x in sides(options, job) if "own" not in x]
    workers = start_all(libraries, options, network, mode)
    far = {}
    ours = workers[OURS].ask("check", batch)
    for library, w in workers.items():
        values = w.ask("check", batch)
        if job != "train":
            far[library], bad = values[0], not values[0] <= TOLERANCE
        elif library != OURS:
            off = [abs(v - o) / abs(o) for v, o in zip(values, ours)]
            far[library], bad = max(off), not (off[0] <= TOLERANCE and max(off) <= LOSS_TOLERANCE)
            print(f"  losses {library} {values}, ours {ours}", file=sys.stderr)
        else:
            continue
        print(f"check {network} {job} {library}: {far[library]:.1e}", file=sys.stderr, flush=True)
        w.end()
        if bad:
            sys.exit(f"{library} computes something else for {network}: {values}")
    workers[OURS].end()
    return far


def measure(options, network, job):
    """Seconds of every call, in turns, by batch and library."""
    workers = start_all(sides(options, job), options, network, job)
    result = {}
    for batch in BATCHES[job]:
        counts, rounds, busy = {}, {library: [] for library in workers}, {library: [] for library in workers}
        for library, w in list(workers.items()):
            w.ask("time", batch, 1)  # compiles, allocates
            counts[library] = max(1, round(TURN / w.ask("time", batch, 1)[0]))
        load = os.getloadavg()[0]
        for turn in range(options.rounds):
            order = list(workers)[turn % len(workers):] + list(workers)[:turn % len(workers)]
            for library in order:
                w = workers[library]
                if counts[library] > 1:
                    w.ask("time", batch, 1)  # caches are others' until now
                before = w.processor()
                rounds[library].append(w.ask("time", batch, counts[library]))
                busy[library].append((w.processor() - before) / counts[library])
        result[str(batch)] = {
            "seconds": rounds, "processor": busy, "peak": {x: w.peak() for x, w in workers.items()},
            "load": [load, os.getloadavg()[0]], "macs": workers[OURS].about["macs"]}
        print_row(network, job, batch, result[str(batch)])
    versions = {x: w.about["version"] for x, w in workers.items()}
    for w in workers.values():
        w.end()
    return result, versions


def summary(result):
    """By library: median, quartiles; then the fastest peer and our ratio to it, round by round."""
    times = {}
    for library, rounds in result["seconds"].items():
        all_calls = [t for r in rounds for t in r]
        quarters = statistics.quantiles(all_calls, n=4, method="inclusive") if len(all_calls) > 1 else all_calls * 3
        times[library] = [1e3 * q for q in quarters]
    peers = [x for x in times if x != OURS and "own" not in x]
    if OURS not in times or not peers:
        return times, None, None
    best = min(peers, key=lambda x: times[x][1])
    turns = [statistics.median(a) / statistics.median(b) for a, b in zip(result["seconds"][OURS], result["seconds"][best])]
    ratio = statistics.quantiles(turns, n=4, method="inclusive") if len(turns) > 1 else turns * 3
    return times, best, ratio


def number(v):
    return f"{v:.0f}" if v >= 100 else f"{v:.1f}"


def print_row(network, job, batch, result):
    times, best, ratio = summary(result)
    print(f"{network} {job} batch {batch}, load {result['load'][0]:.1f}–{result['load'][1]:.1f}:", file=sys.stderr)
    for library, (low, mid, high) in sorted(times.items(), key=lambda t: t[1][1]):
        flops = 2e-9 * result["macs"] * batch * (3 if job == "train" else 1) / mid * 1e3
        print(f"  {library:18} {number(mid):>7} ms ({number(low)}–{number(high)}) {flops:6.0f} GFLOP/s, "
              f"{number(1e3 * statistics.median(result['processor'][library])):>7} ms of processor, {result['peak'][library]:6.0f} MB", file=sys.stderr)
    if best:
        print(f"  argus ÷ {best}: {ratio[1]:.2f} ({ratio[0]:.2f}–{ratio[2]:.2f})", file=sys.stderr, flush=True)


def table(kept):
    """The section of RESULTS.md."""
    out = []
    for job, title in ("infer", "Inference"), ("train", "A step of training, Adam, all weights"), ("go", "Inference in Go"):
        rows = {n: r for n, r in kept[job].items() if r}
        if not rows:
            continue
        libraries = [OURS] + [x for x in INFER + ["torch-own", "torch-own-compile"] + GO if any(x in b["seconds"] for r in rows.values() for b in r.values())]
        out += [f"{title}, ms, median (quartiles):", "",
                "| network | batch | " + " | ".join(libraries) + " | ÷ fastest (quartiles) | GFLOP/s: argus, fastest | load |",
                "|---|--:|" + "--:|" * (len(libraries) + 2) + "---|"]
        for network, batches in rows.items():
            for batch, r in batches.items():
                times, best, ratio = summary(r)
                flops = 2e-6 * r["macs"] * int(batch) * (3 if job == "train" else 1)
                cells = [f"{number(times[x][1])} ({number(times[x][0])}–{number(times[x][2])})" if x in times else "" for x in libraries]
                out.append(f"| {network} | {batch} | " + " | ".join(cells) +
                           f" | {ratio[1]:.2f} ({ratio[0]:.2f}–{ratio[2]:.2f}) {best} | {flops / times[OURS][1]:.0f}, {flops / times[best][1]:.0f}"
                           f" | {r['load'][0]:.0f}–{r['load'][1]:.0f} |")
        out += ["", f"{title}: processor time of a call, ms, median over rounds. On one core it is what a busy machine can tell; on more it counts threads that spin:", "",
                "| network | batch | " + " | ".join(libraries) + " | ÷ least of peers |", "|---|--:|" + "--:|" * (len(libraries) + 1)]
        for network, batches in rows.items():
            for batch, r in batches.items():
                busy = {x: 1e3 * statistics.median(v) for x, v in r["processor"].items()}
                least = min((x for x in busy if x != OURS and "own" not in x), key=busy.get)
                out.append(f"| {network} | {batch} | " + " | ".join(number(busy[x]) if x in busy else "" for x in libraries) +
                           f" | {busy[OURS] / busy[least]:.2f} {least} |")
        out += ["", f"{title}: most memory of the process (VmHWM), MB:", "",
                "| network | batch | " + " | ".join(libraries) + " |", "|---|--:|" + "--:|" * len(libraries)]
        for network, batches in rows.items():
            for batch, r in batches.items():
                out.append(f"| {network} | {batch} | " + " | ".join(f"{r['peak'][x]:.0f}" if x in r["peak"] else "" for x in libraries) + " |")
        out.append("")
    return "\n".join(out)


def processor():
    with open("/proc/cpuinfo") as f:
        info = f.read()
    field = lambda name: re.search(rf"^{name}\s*: (.*)$", info, re.M)
    name, family, model = (m[1] if m else "?" for m in map(field, ("model name", "cpu family", "model")))
    return f"{name} (family {family}, model {model})"


def write(path, text):
    """Puts text in the place of what was between the marks."""
    with open(path) as f:
        old = f.read()
    first, last = "<!-- peers: written by bench/peers/run.py -->\n", "<!-- peers: end -->"
    before, found, rest = old.partition(first)
    if not found:
        sys.exit(f"{path} has no line {first}")
    with open(path, "w") as f:
        f.write(before + first + text + last + rest.partition(last)[2])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("binary")
    p.add_argument("folder")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--networks", default=",".join(NETWORKS))
    p.add_argument("--libraries", default=",".join([OURS] + INFER))
    p.add_argument("--jobs", default="infer,train,go")
    p.add_argument("--cores", type=int, help="use so many; default all")
    p.add_argument("--checks-only", action="store_true")
    p.add_argument("--no-checks", action="store_true")
    p.add_argument("--write")
    options = p.parse_args()
    options.libraries = options.libraries.split(",")
    cores = sorted(os.sched_getaffinity(0))[:options.cores]
    os.sched_setaffinity(0, cores)
    path = os.path.join(options.folder, f"results{len(cores)}.json")
    kept = {"infer": {}, "train": {}, "go": {}, "versions": {}, "far": {}}
    if os.path.exists(path):
        with open(path) as f:
            kept |= json.load(f)
    for job in filter(None, options.jobs.split(",")):
        for network in options.networks.split(","):
            if job == "train" and network not in TRAINED or job == "go" and network != NETWORKS[0]:
                continue
            if not options.no_checks:
                kept["far"].setdefault(f"{job} {network}", {}).update(check(options, network, job))
            if not options.checks_only:
                kept[job][network], versions = measure(options, network, job)
                kept["versions"].update(versions)
            with open(path, "w") as f:
                json.dump(kept, f)
    versions = ", ".join(f"{k} {v}" for k, v in kept["versions"].items() if "torch-" not in k)
    text = (f"{datetime.date.today()}. {processor()}, {len(cores)} of {os.cpu_count()} cores, {platform.system()}; "
            f"Python {platform.python_version()}; {versions}.\n\n{table(kept)}")
    print(text)
    if options.write:
        write(options.write, text)


main()
