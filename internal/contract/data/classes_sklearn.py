"""Lists the estimators and the helper classes that fitted estimators hold.

Usage: python classes_sklearn.py > OUT, in environments with scikit-learn; the
committed list is the union over scikit-learn 1.3.2 and 1.9.1 (sort -u within
each section). See classes.py for the form.
"""
import importlib
import inspect
import pkgutil
import sys
import warnings

import sklearn
from sklearn.base import BaseEstimator

SKIP = (".tests", ".experimental", "_build", "conftest", ".datasets", ".externals", "_testing")
# Modules all of whose own classes are plain holders of state.
WHOLE = """sklearn._loss.loss sklearn._loss.link sklearn.utils._bunch sklearn.calibration sklearn.cluster._birch
sklearn.ensemble._hist_gradient_boosting.predictor sklearn.ensemble._hist_gradient_boosting.binning sklearn.ensemble._gb_losses
sklearn.ensemble._gb sklearn.neural_network._stochastic_optimizers sklearn.gaussian_process.kernels sklearn.metrics._scorer
sklearn.model_selection._split sklearn.utils._metadata_requests sklearn.utils._tags sklearn.linear_model._glm.glm""".split()
# Functions that estimators keep as parameters; they are values, never called by loading.
VALUES = """sklearn.feature_selection._univariate_selection sklearn.metrics._classification sklearn.metrics._regression
sklearn.metrics._ranking sklearn.metrics.pairwise sklearn.preprocessing._function_transformer""".split()


def modules():
    for info in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        if not any(s in info.name for s in SKIP):
            try:
                yield importlib.import_module(info.name)
            except Exception:  # an optional dependency
                pass


def show(header, found):
    print("=", header)
    for module, names in sorted(found.items()):
        print(f"{module}: {' '.join(sorted(names))}")


def main():
    warnings.simplefilter("ignore")
    plain, native, values = {}, {}, {}
    for module in modules():
        compiled = str(getattr(module, "__file__", "")).endswith(".so")
        for name, thing in vars(module).items():
            if getattr(thing, "__module__", "") != module.__name__:
                continue
            if inspect.isclass(thing) and compiled and "Pytest" not in name:
                native.setdefault(module.__name__, set()).add(name)
            elif inspect.isclass(thing) and (issubclass(thing, BaseEstimator) or module.__name__ in WHOLE):
                plain.setdefault(module.__name__, set()).add(name)
            elif inspect.isfunction(thing) and module.__name__ in VALUES and "load" not in name:
                values.setdefault(module.__name__, set()).add(name)
            if compiled and (name == "newObj" or name.startswith("__pyx_unpickle_")) and not name.endswith("Enum"):
                native.setdefault(module.__name__, set()).add(name)
    print(f"# Made by classes_sklearn.py from scikit-learn {sklearn.__version__}; do not edit by hand.")
    show("framework scikit-learn vnb - estimators and what they hold: BaseEstimator.__setstate__ updates the dictionary", plain)
    show("framework scikit-learn vnrb - compiled classes: constructors take numbers and arrays", native)
    show("framework scikit-learn v - functions kept as parameters", values)


if __name__ == "__main__":
    sys.exit(main())
