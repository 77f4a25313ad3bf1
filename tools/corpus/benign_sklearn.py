"""Benign scikit-learn estimators by pickle and by joblib, plain and compressed."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
from sklearn import (cluster, compose, decomposition, discriminant_analysis, ensemble, feature_extraction, feature_selection, gaussian_process,
                     impute, isotonic, kernel_ridge, linear_model, mixture, model_selection, multiclass, naive_bayes, neighbors, neural_network,
                     pipeline, preprocessing, svm, tree)


def data() -> tuple:
    rng = np.random.RandomState(0)
    x = rng.rand(40, 4)
    return x, (x[:, 0] > 0.5).astype(int)


def estimators() -> dict:
    steps = [("scale", preprocessing.StandardScaler()), ("fit", linear_model.LogisticRegression())]
    columns = compose.ColumnTransformer([("n", preprocessing.MinMaxScaler(), [0, 1])], remainder="passthrough")
    grid = model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1.0]}, cv=2)
    small = {"n_estimators": 3, "random_state": 0}
    return {
        "linear_regression": linear_model.LinearRegression(), "logistic_regression": linear_model.LogisticRegression(),
        "ridge": linear_model.Ridge(), "lasso": linear_model.Lasso(), "elastic_net": linear_model.ElasticNet(),
        "sgd": linear_model.SGDClassifier(random_state=0), "perceptron": linear_model.Perceptron(random_state=0),
        "decision_tree": tree.DecisionTreeClassifier(max_depth=3), "random_forest": ensemble.RandomForestClassifier(**small),
        "extra_trees": ensemble.ExtraTreesClassifier(**small), "gradient_boosting": ensemble.GradientBoostingClassifier(**small),
        "hist_gradient_boosting": ensemble.HistGradientBoostingClassifier(max_iter=3), "ada_boost": ensemble.AdaBoostClassifier(**small),
        "bagging": ensemble.BaggingClassifier(**small), "isolation_forest": ensemble.IsolationForest(**small),
        "voting": ensemble.VotingClassifier([("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier(max_depth=2))]),
        "svc": svm.SVC(), "svr": svm.SVR(), "linear_svc": svm.LinearSVC(), "knn": neighbors.KNeighborsClassifier(),
        "knn_balltree": neighbors.KNeighborsClassifier(algorithm="ball_tree"), "nearest": neighbors.NearestNeighbors(),
        "gaussian_nb": naive_bayes.GaussianNB(), "multinomial_nb": naive_bayes.MultinomialNB(), "kmeans": cluster.KMeans(2, n_init=1, random_state=0),
        "minibatch_kmeans": cluster.MiniBatchKMeans(2, n_init=1, random_state=0), "dbscan": cluster.DBSCAN(), "pca": decomposition.PCA(2),
        "nmf": decomposition.NMF(2, max_iter=20), "truncated_svd": decomposition.TruncatedSVD(2), "mlp": neural_network.MLPClassifier((4,), max_iter=5),
        "gaussian_process": gaussian_process.GaussianProcessRegressor(), "gaussian_mixture": mixture.GaussianMixture(2, random_state=0),
        "lda": discriminant_analysis.LinearDiscriminantAnalysis(), "kernel_ridge": kernel_ridge.KernelRidge(),
        "one_vs_rest": multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), "select_k_best": feature_selection.SelectKBest(k=2),
        "standard_scaler": preprocessing.StandardScaler(), "min_max_scaler": preprocessing.MinMaxScaler(),
        "polynomial": preprocessing.PolynomialFeatures(2), "quantile": preprocessing.QuantileTransformer(n_quantiles=5),
        "imputer": impute.SimpleImputer(), "pipeline": pipeline.Pipeline(steps), "columns": columns, "grid_search": grid,
    }


def words() -> dict:
    texts, labels = ["a cat sat", "a dog ran", "cats and dogs"], ["x", "y", "x"]
    return {
        "count_vectorizer": feature_extraction.text.CountVectorizer().fit(texts),
        "tfidf_vectorizer": feature_extraction.text.TfidfVectorizer().fit(texts),
        "label_encoder": preprocessing.LabelEncoder().fit(labels),
        "one_hot": preprocessing.OneHotEncoder().fit(np.array(labels).reshape(-1, 1)),
        "isotonic": isotonic.IsotonicRegression().fit([1, 2, 3], [1, 3, 2]),
    }


def compressed(out, model) -> None:
    for method, suffix in (("zlib", "z"), ("gzip", "gz"), ("bz2", "bz2"), ("xz", "xz"), ("lzma", "lzma"), ("lz4", "lz4")):
        try:
            joblib.dump(model, out.path(f"forest.joblib.{suffix}", "joblib-compressed"), compress=(method, 3))
        except ValueError as err:  # joblib says so when lz4 is not installed
            out.kinds.pop(f"{out.prefix}/forest.joblib.{suffix}")
            print(f"no {method}: {err}")


def make(out) -> None:
    x, y = data()
    fitted = {name: model.fit(x, y) for name, model in estimators().items()}
    fitted.update(words())
    for name, model in fitted.items():
        out.write(f"sklearn_{name}.pkl", "sklearn-pickle", pickle.dumps(model))
        joblib.dump(model, out.path(f"sklearn_{name}.joblib", "sklearn-joblib"))
    compressed(out, fitted["random_forest"])
    joblib.dump({"w": np.ones((50, 50)), "names": np.array(["a", "b"], dtype=object)}, out.path("arrays.joblib", "joblib"))
    joblib.dump(np.asfortranarray(np.ones((4, 5))), out.path("fortran.joblib", "joblib"))
    joblib.dump([np.zeros(3), {"k": np.float32(2)}, "text"], out.path("mixed.joblib", "joblib"))
