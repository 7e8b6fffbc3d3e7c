"""Settings: what the environment may set, and the errors for anything else."""

import os
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from spherelinks.config import SECRETS, Settings, default_home
from spherelinks.errors import ConfigurationError


def test_an_empty_environment_is_a_complete_configuration():
    settings = Settings.from_env({})
    assert settings.home == default_home({})
    assert settings.home.is_absolute()
    assert settings.database_url is None
    assert settings.storage_url is None
    assert settings.cors_origins == ()
    assert settings.job_time_limit_s == 600
    assert settings.job_max_attempts == 3


def test_empty_variables_count_as_unset():
    names = ["SPHERELINKS_HOME", "DATABASE_URL", "STORAGE_URL", "SPHERELINKS_CORS_ORIGINS", "SPHERELINKS_DRAIN_LIMIT"]
    assert Settings.from_env(dict.fromkeys(names, " ")) == Settings.from_env({})


def test_every_setting_is_read(tmp_path):
    settings = Settings.from_env(
        {
            "SPHERELINKS_HOME": str(tmp_path),
            "DATABASE_URL": "postgres://u:p@db.example:5433/x?sslmode=require",
            "STORAGE_URL": "s3://bucket/a/b/",
            "SPHERELINKS_CORS_ORIGINS": "https://a.example, http://localhost:3000",
            "SPHERELINKS_PUBLIC_URL": "https://Assets.example:8443/",
            "SPHERELINKS_SIGNUP": "closed",
            "SPHERELINKS_SIGNUPS_A_DAY": "0",
            "SPHERELINKS_WEBHOOK_NETWORKS": "127.0.0.0/8, ::1",
            "SPHERELINKS_WEBHOOK_PORTS": "3000, 8080",
            "SPHERELINKS_TRUSTED_PROXIES": "1",
            "SPHERELINKS_JOB_TIME_LIMIT": "12.5",
            "SPHERELINKS_JOB_MEMORY_MB": "1024",
            "SPHERELINKS_JOB_MAX_ATTEMPTS": "5",
            "SPHERELINKS_STALE_AFTER": "2.5",
            "SPHERELINKS_DRAIN_LIMIT": "3",
            "SPHERELINKS_GENERATORS": "lift, inflate",
            "SPHERELINKS_PLANS": __file__,
            "STRIPE_SECRET_KEY": "sk_1",
            "STRIPE_WEBHOOK_SECRET": "whsec_1",
            "SPHERELINKS_CREDIT_PACKS": "100:price_a, 500:price_b",
        }
    )
    assert settings == Settings(
        home=tmp_path,
        database_url="postgresql://u:p@db.example:5433/x?sslmode=require",
        storage_url="s3://bucket/a/b",
        cors_origins=("https://a.example", "http://localhost:3000"),
        public_url="https://assets.example:8443",
        signup="closed",
        signups_a_day=0,
        webhook_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        webhook_ports=(3000, 8080),
        trusted_proxies=1,
        job_time_limit_s=12.5,
        job_memory_limit_mb=1024,
        job_max_attempts=5,
        stale_after_s=2.5,
        drain_limit_s=3,
        generators=("lift", "inflate"),
        plans=Path(__file__),
        stripe_key="sk_1",
        stripe_webhook_secret="whsec_1",
        credit_packs=((100, "price_a"), (500, "price_b")),
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPHERELINKS_HOME", __file__),
        ("SPHERELINKS_PLANS", "nowhere.toml"),
        ("SPHERELINKS_CREDIT_PACKS", "100"),
        ("STRIPE_SECRET_KEY", "two words"),
        ("DATABASE_URL", "mysql://u:p@h/d"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "localhost"),
        ("STORAGE_URL", "/var/data"),
        ("STORAGE_URL", "s3:///prefix"),
        ("STORAGE_URL", "gs://bucket"),
        ("STORAGE_URL", "s3://bucket?x=1"),
        ("SPHERELINKS_CORS_ORIGINS", "example.com"),
        ("SPHERELINKS_CORS_ORIGINS", "https://a.example/path"),
        ("SPHERELINKS_CORS_ORIGINS", "https://a.example,ftp://b.example"),
        ("SPHERELINKS_PUBLIC_URL", "assets.example"),
        ("SPHERELINKS_PUBLIC_URL", "https://assets.example/app"),
        ("SPHERELINKS_PUBLIC_URL", "ftp://assets.example"),
        ("SPHERELINKS_SIGNUP", "maybe"),
        ("SPHERELINKS_SIGNUPS_A_DAY", "few"),
        ("SPHERELINKS_WEBHOOK_NETWORKS", "localhost"),
        ("SPHERELINKS_WEBHOOK_NETWORKS", "0.0.0.0/0"),
        ("SPHERELINKS_WEBHOOK_NETWORKS", "169.254.169.254"),
        ("SPHERELINKS_WEBHOOK_NETWORKS", "::/0"),
        ("SPHERELINKS_WEBHOOK_PORTS", "0"),
        ("SPHERELINKS_WEBHOOK_PORTS", "3000-4000"),
        ("SPHERELINKS_TRUSTED_PROXIES", "11"),
        ("SPHERELINKS_TRUSTED_PROXIES", "10.0.0.1"),
        ("SPHERELINKS_JOB_TIME_LIMIT", "0"),
        ("SPHERELINKS_JOB_TIME_LIMIT", "nan"),
        ("SPHERELINKS_JOB_TIME_LIMIT", "inf"),
        ("SPHERELINKS_JOB_TIME_LIMIT", "ten"),
        ("SPHERELINKS_JOB_MEMORY_MB", "64"),
        ("SPHERELINKS_JOB_MEMORY_MB", "2 GB"),
        ("SPHERELINKS_JOB_MAX_ATTEMPTS", "0"),
        ("SPHERELINKS_JOB_MAX_ATTEMPTS", "-1"),
        ("SPHERELINKS_STALE_AFTER", "1.9"),
        ("SPHERELINKS_DRAIN_LIMIT", "1e9"),
    ],
)
def test_a_bad_value_names_the_variable_and_the_remedy(variable, value):
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({variable: value})
    assert variable in caught.value.message
    assert caught.value.hint


def test_a_password_in_a_refused_url_is_not_repeated():
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"DATABASE_URL": "mysql://user:hunter2@host/db"})
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG folders are Linux's")
def test_a_user_keeps_data_in_the_users_own_folder(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_home({"XDG_DATA_HOME": "/data/ann"}) == Path("/data/ann/spherelinks")
    assert default_home({}) == Path.home() / ".local/share/spherelinks"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="/var/lib is Linux's")
def test_root_keeps_data_where_the_system_does(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_home({"XDG_DATA_HOME": "/home/ann/data"}) == Path("/var/lib/spherelinks")


def test_a_secret_may_come_from_a_file(tmp_path):
    (tmp_path / "url").write_text("postgresql://user:secret@host/db\n")
    settings = Settings.from_env({"DATABASE_URL_FILE": str(tmp_path / "url")})
    assert settings.database_url == "postgresql://user:secret@host/db"
    direct = {"DATABASE_URL": "postgresql://other/db", "DATABASE_URL_FILE": str(tmp_path / "url")}
    assert Settings.from_env(direct).database_url == "postgresql://other/db"
    with pytest.raises(ConfigurationError, match="DATABASE_URL_FILE is '/none'"):
        Settings.from_env({"DATABASE_URL_FILE": "/none"})


@pytest.mark.parametrize("token", ["hunter2", "with a space inside it", "ä" * 20])
def test_a_weak_token_is_refused_and_not_shown(token):
    with pytest.raises(ConfigurationError, match="SPHERELINKS_METRICS_TOKEN") as caught:
        Settings.from_env({"SPHERELINKS_METRICS_TOKEN": token})
    assert token not in caught.value.message


def test_what_is_not_shown_is_a_secret():
    """Each field that repr() leaves out has its variable among those that a generating child is not given."""
    hidden = [name for name, field in Settings.__dataclass_fields__.items() if not field.repr]
    words = " ".join(SECRETS).lower()
    for name in hidden:
        assert name.replace("stripe_key", "stripe_secret_key") in words, name
    assert hidden
