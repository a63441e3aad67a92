"""Only what pyproject.toml can't say: the migrations stand beside the package and travel inside it."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["vidsense_daemon*"]),
        "vidsense_daemon.migrations",
        "vidsense_daemon.migrations.versions",
    ],
    package_dir={"vidsense_daemon.migrations": "migrations"},
)
