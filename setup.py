"""Only what pyproject.toml can't say: migrations and unit files stand beside the package and travel inside it."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["vidsense_daemon*"]),
        "vidsense_daemon.migrations",
        "vidsense_daemon.migrations.versions",
        "vidsense_daemon.deploy",
    ],
    package_dir={"vidsense_daemon.migrations": "migrations", "vidsense_daemon.deploy": "deploy"},
)
