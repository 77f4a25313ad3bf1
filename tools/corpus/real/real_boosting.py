"""Estimators around scikit-learn, as people keep them: joblib, pickle, dill, cloudpickle, skops."""

from __future__ import annotations

import contextlib
import pickle
import tempfile

import joblib
import numpy as np


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int), x[:, 0] * 2 + x[:, 2]


def both(out, framework: str, name: str, value) -> None:
    with out.trying(f"{framework}/{name}.pkl"):
        with open(out.path(framework, name + ".pkl"), "wb") as f:
            pickle.dump(value, f)
    with out.trying(f"{framework}/{name}.joblib"):
        joblib.dump(value, out.path(framework, name + ".joblib"))


def xgboost(out) -> None:
    import xgboost as xgb

    x, y, z = data()
    both(out, "xgboost", "classifier", xgb.XGBClassifier(n_estimators=3, max_depth=2).fit(x, y))
    both(out, "xgboost", "regressor", xgb.XGBRegressor(n_estimators=3).fit(x, z))
    both(out, "xgboost", "ranker", xgb.XGBRanker(n_estimators=2).fit(x, y, group=[30, 30]))
    model = xgb.train({"max_depth": 2}, xgb.DMatrix(x, y), 3)
    both(out, "xgboost", "booster", model)
    for suffix in ("json", "ubj", "deprecated"):
        with out.trying(suffix):
            model.save_model(out.path("xgboost", f"model.{suffix}"))


def lightgbm(out) -> None:
    import lightgbm as lgb

    x, y, z = data()
    both(out, "lightgbm", "classifier", lgb.LGBMClassifier(n_estimators=3, verbose=-1).fit(x, y))
    both(out, "lightgbm", "regressor", lgb.LGBMRegressor(n_estimators=3, verbose=-1).fit(x, z))
    model = lgb.train({"verbose": -1}, lgb.Dataset(x, y), 3)
    both(out, "lightgbm", "booster", model)
    model.save_model(out.path("lightgbm", "model.txt"))


def catboost(out) -> None:
    import catboost as cb

    x, y, z = data()
    model = cb.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False).fit(x, y)
    both(out, "catboost", "classifier", model)
    both(out, "catboost", "regressor", cb.CatBoostRegressor(iterations=3, verbose=0, allow_writing_files=False).fit(x, z))
    for kind in ("cbm", "json", "onnx"):
        with out.trying(kind):
            model.save_model(out.path("catboost", f"model.{kind}"), format=kind)


def skops(out) -> None:
    import skops.io as sio
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y, _ = data()
    sio.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), out.path("skops", "pipeline.skops"))
    sio.dump(RandomForestClassifier(n_estimators=3).fit(x, y), out.path("skops", "forest.skops"))


def gensim(out) -> None:
    from gensim.corpora import Dictionary
    from gensim.models import Doc2Vec, FastText, LdaModel, TfidfModel, Word2Vec
    from gensim.models.doc2vec import TaggedDocument
    from gensim.models.phrases import Phrases

    texts = [["a", "cat", "sat"], ["a", "dog", "ran", "far"], ["cat", "dog"]] * 5
    model = Word2Vec(texts, vector_size=8, min_count=1, epochs=1)
    model.save(out.path("gensim", "word2vec.model"))
    model.wv.save(out.path("gensim", "vectors.kv"))
    FastText(texts, vector_size=8, min_count=1, epochs=1, bucket=50).save(out.path("gensim", "fasttext.model"))
    Doc2Vec([TaggedDocument(t, [i]) for i, t in enumerate(texts)], vector_size=8, min_count=1, epochs=1).save(out.path("gensim", "doc2vec.model"))
    words = Dictionary(texts)
    words.save(out.path("gensim", "dictionary.dict"))
    bags = [words.doc2bow(t) for t in texts]
    LdaModel(bags, num_topics=2, id2word=words).save(out.path("gensim", "lda.model"))
    TfidfModel(bags).save(out.path("gensim", "tfidf.model"))
    Phrases(texts).save(out.path("gensim", "phrases.pkl"))


def statsmodels(out) -> None:
    import statsmodels.api as sm

    x, y, z = data()
    both(out, "statsmodels", "ols_data", sm.OLS(z, sm.add_constant(x)).fit())
    both(out, "statsmodels", "logit", sm.Logit((y + np.arange(60) % 3 > 1).astype(int), x[:, 2:4]).fit(disp=0))
    sm.tsa.ARIMA(z, order=(1, 0, 0)).fit().save(out.path("statsmodels", "arima.pkl"))


def imblearn(out) -> None:
    from imblearn.ensemble import BalancedRandomForestClassifier
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from imblearn.pipeline import make_pipeline
    from imblearn.under_sampling import RandomUnderSampler
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x, y, _ = data()
    both(out, "imbalanced-learn", "smote_pipeline", make_pipeline(StandardScaler(), SMOTE(random_state=0), LogisticRegression()).fit(x, y))
    both(out, "imbalanced-learn", "over", make_pipeline(RandomOverSampler(), LogisticRegression()).fit(x, y))
    both(out, "imbalanced-learn", "under", make_pipeline(RandomUnderSampler(), LogisticRegression()).fit(x, y))
    both(out, "imbalanced-learn", "forest", BalancedRandomForestClassifier(n_estimators=3).fit(x, y))


def encoders(out) -> None:
    import category_encoders as ce
    import pandas as pd

    frame = pd.DataFrame({"a": list("xyzxyz"), "b": range(6)})
    for name in ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder", "BinaryEncoder", "CountEncoder", "HashingEncoder", "LeaveOneOutEncoder"):
        with out.trying(name):
            both(out, "category-encoders", name, getattr(ce, name)(cols=["a"]).fit(frame, [0, 1, 0, 1, 0, 1]))


def estimators(out) -> None:
    """Every estimator of scikit-learn that fits two columns of numbers."""
    from sklearn.base import ClassifierMixin, RegressorMixin
    from sklearn.utils import all_estimators

    x, y, z = data()
    x = np.abs(x)
    for name, kind in all_estimators():
        if name.startswith(("Multi", "Classifier", "Regressor")):
            continue
        with contextlib.suppress(Exception):  # not every estimator takes this data
            target = z if issubclass(kind, RegressorMixin) and not issubclass(kind, ClassifierMixin) else y
            joblib.dump(kind().fit(x, target), out.path("scikit-learn", f"{name}.joblib"))


def pipelines(out) -> None:
    import pandas as pd
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
    from sklearn.svm import SVC

    x, y, z = data()
    frame = pd.DataFrame({"a": x[:, 0], "b": list("uvwuvw" * 10), "c": ["red cat", "cat sleeps"] * 30})
    columns = ColumnTransformer([
        ("n", Pipeline([("i", SimpleImputer()), ("s", StandardScaler())]), ["a"]), ("o", OneHotEncoder(handle_unknown="ignore"), ["b"]), ("t", TfidfVectorizer(), "c")])
    made = {
        "columns": Pipeline([("p", columns), ("m", LogisticRegression())]).fit(frame, y),
        "grid": GridSearchCV(SVC(probability=True), {"C": [1, 10]}, cv=StratifiedKFold(2)).fit(x, y),
        "random": RandomizedSearchCV(RandomForestClassifier(n_estimators=2), {"max_depth": [1, 2]}, n_iter=2, cv=2, scoring="f1").fit(x, y),
        "stack": StackingClassifier([("a", SVC()), ("b", HistGradientBoostingClassifier(max_iter=2))], LogisticRegression(), cv=2).fit(x, y),
        "vote": VotingClassifier([("a", LogisticRegression()), ("b", SGDClassifier())]).fit(x, y),
        "union": make_pipeline(FeatureUnion([("p", PolynomialFeatures()), ("f", FunctionTransformer(np.log1p))]), Ridge()).fit(np.abs(x), z),
        "target": TransformedTargetRegressor(Ridge(), func=np.exp, inverse_func=np.log).fit(x, z),
        "ovr": OneVsRestClassifier(LogisticRegression()).fit(x, y % 3), "multi": MultiOutputRegressor(Ridge()).fit(x, np.c_[z, z]),
        "text": make_pipeline(CountVectorizer(stop_words="english", ngram_range=(1, 2)), LogisticRegression()).fit(frame["c"], y),
        "hashing": make_pipeline(HashingVectorizer(n_features=32), SGDClassifier(loss="log_loss")).fit(frame["c"], y),
    }
    for name, model in made.items():
        both(out, "scikit-learn-pipelines", name, model)


def compressors(out) -> None:
    from sklearn.ensemble import RandomForestRegressor

    x, _, z = data()
    model = {"model": RandomForestRegressor(n_estimators=3).fit(x, z), "array": x, "objects": np.array(["a", None, 3], dtype=object), "names": np.array(["p", "q"])}
    for method in ("zlib", "gzip", "bz2", "xz", "lzma", "lz4"):
        for level in (1, 9):
            with out.trying(method):
                joblib.dump(model, out.path("joblib", f"model_{method}{level}.joblib"), compress=(method, level))
    for protocol in range(6):
        joblib.dump(model, out.path("joblib", f"model_p{protocol}.joblib"), protocol=protocol)
    memory = joblib.Memory(tempfile.mkdtemp(), verbose=0)
    joblib.dump(memory, out.path("joblib", "memory.joblib"))


def plain_data(out) -> None:
    import datetime
    import decimal
    import uuid
    from collections import Counter, OrderedDict, defaultdict, deque

    import cloudpickle
    import dill
    import pandas as pd
    import scipy.sparse as sp

    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "t": pd.to_datetime(["2024-01-01", "2024-02-02"]), "c": pd.Categorical(["u", "v"])})
    values = {
        "containers": {"a": [1, 2.5, "x", b"y", None, True], "s": {1, 2}, "f": frozenset("ab"), "o": OrderedDict(a=1), "c": Counter("aab"), "d": defaultdict(list, a=[1]), "q": deque([1], 3)},
        "times": [datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc), datetime.timedelta(3), decimal.Decimal("1.5"), uuid.UUID(int=5)],
        "frame": frame, "series": frame["a"], "multi": frame.set_index(["a", "b"]), "tz": pd.Series(pd.date_range("2024", periods=3, tz="Europe/Berlin")),
        "string_dtype": pd.array(["a", None], dtype="string"), "int_dtype": pd.array([1, None], dtype="Int64"), "interval": pd.interval_range(0, 3), "period": pd.period_range("2024", periods=3, freq="M"),
        "sparse": [getattr(sp, f"{k}_{w}")(np.eye(3)) for k in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr") for w in ("matrix", "array")],
        "arrays": [np.arange(3), np.float32(2), np.array("x"), np.datetime64("2024"), np.ma.array([1, 2], mask=[0, 1]), np.rec.array([(1, 2.0)]), np.random.default_rng(0), np.random.RandomState(0), np.matrix([[1]])],
        "dtypes": [np.dtype("f4"), np.dtype([("a", "i4"), ("b", "S3")]), np.dtypes.Float64DType(), np.dtype("M8[ns]")],
    }
    for name, value in values.items():
        for protocol in range(6):
            with out.trying(f"plain/{name}"):
                with open(out.path("plain", f"{name}_p{protocol}.pkl"), "wb") as f:
                    pickle.dump(value, f, protocol)
        for kind in (dill, cloudpickle):
            with out.trying(f"{kind.__name__}/{name}"):
                with open(out.path(kind.__name__, f"{name}.pkl"), "wb") as f:
                    kind.dump(value, f)
    frame.to_pickle(out.path("pandas", "frame.pkl.gz"))
    frame.to_pickle(out.path("pandas", "frame.pkl.bz2"))
    frame.to_pickle(out.path("pandas", "frame.pkl.xz"))
    frame.to_pickle(out.path("pandas", "frame.pkl.zip"))
    np.savez(out.path("numpy", "a.npz"), x=np.eye(2), y=np.array(["a", None], dtype=object))
    np.savez_compressed(out.path("numpy", "c.npz"), x=np.eye(2))
    np.save(out.path("numpy", "o.npy"), np.array([{"a": 1}, [2]], dtype=object))
    np.save(out.path("numpy", "r.npy"), np.rec.array([(1, 2.0)]))
    sp.save_npz(out.path("numpy", "sparse.npz"), sp.eye(3, format="csr"))


def hmm(out) -> None:
    from hmmlearn.hmm import GaussianHMM

    both(out, "hmmlearn", "gaussian", GaussianHMM(2).fit(data()[0]))


def make(out) -> None:
    for section in (xgboost, lightgbm, catboost, skops, gensim, statsmodels, imblearn, encoders, estimators, pipelines, compressors, plain_data, hmm):
        with out.trying(section.__name__):
            section(out)
