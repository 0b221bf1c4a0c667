"""WebShop: find and buy the product that an instruction describes."""

from retro_core.envs.base import EnvSpec
from retro_core.envs.webshop.env import ENVIRONMENT, WebShopEnv
from retro_core.envs.webshop.generator import SPLITS, generate

SPEC = EnvSpec(
    name=ENVIRONMENT,
    title="WebShop",
    description=(
        "A customer's wish and a shop of products. The agent searches, reads product pages, "
        "chooses options and buys. Reads the official WebShop files; a small shop is included."
    ),
    create=WebShopEnv,
    generate=generate,
    splits=SPLITS,
    default_max_steps=15,
    default_trials=4,
    prompt_folder="webshop",
    success_meaning="The reward of the purchase is 1.0: kind, attributes, options and price fit.",
    licence="Engine and included shop: Apache-2.0. Official files: MIT (princeton-nlp/WebShop).",
    task_types=(
        "beauty",
        "clothing",
        "electronics",
        "garden",
        "grocery",
        "home",
        "outdoor",
        "toys",
    ),
    action_forms=("search[words]", "click[text in brackets]", "think[words]"),
)
