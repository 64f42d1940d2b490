"""Makes hpo/testdata/optuna.log: studies of Optuna 5.0.0 in its journal file.

    python optuna_journal.py hpo/testdata/optuna.log
"""

import math
import sys

import optuna as o

o.logging.set_verbosity(o.logging.ERROR)
storage = o.storages.JournalStorage(o.storages.journal.JournalFileBackend(sys.argv[1]))
heads = o.create_study(study_name="heads", storage=storage, sampler=o.samplers.RandomSampler(seed=1))


def loss(t):
    rate = t.suggest_float("rate", 1e-6, 1e-2, log=True)
    hidden = t.suggest_int("hidden", 6, 2048, log=True)
    act = t.suggest_categorical("act", ["relu", "tanh"])
    t.suggest_categorical("tune", [True, False])
    if t.number == 1:
        raise ValueError("broken")
    if t.number == 2:
        t.report(0.5, 1)
        raise o.TrialPruned()
    return abs(math.log10(rate) + 4) + hidden / 2048 + (act == "relu")


heads.optimize(loss, n_trials=4, catch=(ValueError,))
template = heads.trials[0]
heads.add_trial(o.trial.create_trial(params=template.params | {"hidden": 7}, distributions=template.distributions, value=0.25))
gone = o.create_study(study_name="gone", storage=storage)
gone.optimize(lambda t: t.suggest_float("rate", 0, 1), n_trials=1)
o.delete_study(study_name="gone", storage=storage)
accuracy = o.create_study(study_name="accuracy", storage=storage, direction="maximize", sampler=o.samplers.RandomSampler(seed=2))
accuracy.optimize(lambda t: 100 * t.suggest_float("rate", 1e-6, 1e-2, log=True), n_trials=2)
accuracy.ask()
for study in (heads, accuracy):
    for t in study.trials:
        print(study.study_name, t.number, t.state.name, t.params, t.value)
