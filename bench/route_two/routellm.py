"""RouteLLM's routers (lm-sys/RouteLLM at 0b64fda) as far as they can be had here, trained on the taught questions.

Its weights are not in its package: it fetches them, its arena battles and its prompts' embeddings from a hub and from
OpenAI's embedding API. So these are its algorithms on our encoder's vectors, taught by duels of the very two models
on questions of the tested kind, which its own never had: better off than the published routers, if anything.
"""

import numpy as np

from policies.select.quality.port import Floats

NOISE = 0.1
"""Spread of the noise that its factorisation is trained with, on every number of an embedding."""


def similarity_ranking(known: Floats, lead: Floats, asked: Floats) -> Floats:
    """Its `sw_ranking`: Bradley–Terry over the taught duels, each weighted 10 · 10^(similarity / the largest one).

    Of two models the fit has a closed form: the weighted share of duels won, a tie being half of one.
    """
    alike = asked @ known.T
    weight = 10.0 * 10.0 ** (alike / alike.max(axis=1, keepdims=True))
    return np.asarray(weight @ (0.5 + 0.5 * lead) / weight.sum(axis=1))


def matrix_factorisation(known: Floats, lead: Floats, asked: Floats) -> Floats:
    """Its `mf`: sigmoid of w · ((strong - weak) ∘ W x), trained on duels that one model won.

    Of two models that product is one vector times x without a constant: a logistic regression. Its training noise is
    put in as the ridge penalty that it amounts to: n · spread² · 1/4 on half the vector's square.
    """
    from sklearn.linear_model import LogisticRegression

    duels = lead != 0.0
    if len(np.unique(lead[duels])) < 2:
        return np.full(len(asked), float(lead.mean()))
    penalty = duels.sum() * NOISE**2 / 4.0
    head = LogisticRegression(C=1.0 / penalty, fit_intercept=False, max_iter=300).fit(known[duels], lead[duels] > 0.0)
    return np.asarray(head.predict_proba(asked)[:, 1])


def three_classes(known: Floats, lead: Floats, asked: Floats) -> Floats:
    """Its `bert`: won, tied or lost, told from the text; the probability of won. Ours stands on a frozen encoder."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(lead)) < 2:
        return np.full(len(asked), float(lead.mean()))
    head = LogisticRegression(C=1.0, max_iter=300).fit(known, lead.astype(np.int64))
    told: Floats = head.predict_proba(asked)[:, list(head.classes_).index(1)]
    return told


ROUTERS = {
    "RouteLLM similarity ranking": similarity_ranking,
    "RouteLLM matrix factorisation": matrix_factorisation,
    "RouteLLM three-way classifier": three_classes,
}
"""Each of (taught vectors, the strong model's lead on them, asked vectors) → scores; unit vectors, shape (n, width)."""
