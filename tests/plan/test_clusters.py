"""Which cluster a plan has, how many jobs run at once on it, and what is wrong with a manifest's clusters."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import good_plan, planned

from orchestrator.errors import UsageError
from orchestrator.manifest.load import loads
from orchestrator.plan.inputs import Overrides
from orchestrator.plan.policy_parts import (
    ClusterPolicy,
    GatewayPolicy,
    KubernetesPolicy,
    QueuePolicy,
    SshPolicy,
    TlsPolicy,
)
from orchestrator.plan.render import plan_text

PAIR = "clusters: {pair: {processes: {count: 2, slots: 3}}, many: {processes: 5}}\nworkflows: {a: {run: 'true'}}\n"


@pytest.mark.parametrize(
    ("policy", "override", "cluster", "slots"),
    [
        ("", None, None, 4),
        ("policy: {cluster: pair}\n", None, ClusterPolicy("pair", 2, 3), 6),
        ("policy: {cluster: pair, max_parallel_jobs: 7}\n", None, ClusterPolicy("pair", 2, 3), 7),
        ("policy: {cluster: pair, max_parallel_jobs: auto}\n", None, ClusterPolicy("pair", 2, 3), 6),
        ("policy: {cluster: pair, max_parallel_jobs: 50%}\n", None, ClusterPolicy("pair", 2, 3), 1),
        ("policy: {cluster: pair}\n", "many", ClusterPolicy("many", 5, 1), 5),
        ("policy: {cluster: many}\n", "local", None, 4),
        ("", "pair", ClusterPolicy("pair", 2, 3), 6),
    ],
)
def test_the_cluster_is_that_of_the_command_line_or_of_the_policy(
    policy: str, override: str | None, cluster: ClusterPolicy | None, slots: int
) -> None:
    plan = good_plan(policy + PAIR, overrides=Overrides(cluster=override), cpus=2)
    assert (plan.policy.cluster, plan.policy.max_parallel_jobs) == (cluster, slots)
    assert plan.digest == good_plan(PAIR).digest


def test_slots_are_the_cpus_over_the_workers() -> None:
    assert good_plan(PAIR, overrides=Overrides(cluster="many"), cpus=20).policy.cluster == ClusterPolicy("many", 5, 4)


def test_a_cluster_has_the_lease_that_it_declares_or_one_of_twenty_seconds() -> None:
    leases = "clusters: {a: {processes: 1}, b: {processes: 1, lease: 1m}}\nworkflows: {a: {run: 'true'}}\n"
    clusters = [good_plan(leases, overrides=Overrides(cluster=name)).policy.cluster for name in "ab"]
    assert [cluster and cluster.lease for cluster in clusters] == [20, 60]


def test_a_number_of_jobs_on_the_command_line_holds_on_a_cluster_too() -> None:
    plan = good_plan(PAIR, overrides=Overrides(cluster="pair", max_parallel_jobs=1))
    assert plan.policy.max_parallel_jobs == 1


@pytest.mark.parametrize(
    ("name", "help_"),
    [("pari", "did you mean `pair`?"), ("zzzzzzzz", "`clusters` declares clusters; known are `local`, `pair`, `many`")],
)
def test_an_unknown_cluster_of_the_command_line_is_a_usage_error(name: str, help_: str) -> None:
    with pytest.raises(UsageError, match=f"unknown cluster `{name}`") as caught:
        good_plan(PAIR, overrides=Overrides(cluster=name))
    assert caught.value.help == help_


def test_an_unknown_cluster_of_the_policy_is_reported_at_its_place() -> None:
    result = planned("policy: {cluster: pari}\n" + PAIR)
    assert result.plan is None
    (found,) = result.diagnostics
    assert (found.code, found.message, found.help) == ("PX315", "unknown cluster `pari`", "did you mean `pair`?")
    assert found.span is not None
    assert (found.span.line, found.span.column) == (2, 19)


def test_the_plan_shows_a_cluster_and_local_only_if_it_was_asked_for() -> None:
    on_pair = good_plan(PAIR, overrides=Overrides(cluster="pair"))
    assert "  cluster            pair, 2 workers of 3 slots  (from --cluster)\n" in plan_text(
        on_pair, {"cluster": "--cluster"}
    )
    fewer = good_plan(
        PAIR.replace("slots: 3}", "slots: 3}, workers: {min: 0, idle: 5s, start: 1m}"),
        overrides=Overrides(cluster="pair"),
    )
    assert fewer.policy.cluster == ClusterPolicy("pair", 2, 3, (), 0, 5.0, 60.0)
    assert fewer.policy.max_parallel_jobs == 6
    assert "  cluster            pair, 0 to 2 workers of 3 slots\n" in plan_text(fewer, {}, verbose=True)
    more = PAIR.replace("slots: 3}", "slots: 3}, workers: {min: 9}")
    assert good_plan(more, overrides=Overrides(cluster="pair")).policy.cluster == ClusterPolicy("pair", 2, 3, (), 2)
    home = good_plan(PAIR)
    assert "  cluster            local  (from --cluster)\n" in plan_text(home, {"cluster": "--cluster"})
    assert "cluster" not in plan_text(home, {}, verbose=True)


@pytest.mark.parametrize(
    ("clusters", "code"),
    [
        ("{local: {processes: 2}}", "PX116"),
        ("{pair: {}}", "PX111"),
        ("{pair: {processes: 0}}", "PX113"),
        ("{pair: {processes: two}}", "PX112"),
        ("{pair: {processes: {slots: 2}}}", "PX111"),
        ("{pair: {processes: 2, slurm: {cores: 2}}}", "PX118"),
        ("{hpc: {slurm: {queue: main}}}", "PX111"),
        ("{hpc: {slurm: {cores: 2}, insecure: true}}", "PX118"),
        ("{pair: {processes: 2, workers: {max: 2}}}", "PX118"),
        ("{pair: {processes: 2, pbs: {cores: 2}}}", "PX118"),
        ("{hpc: {lsf: {cores: 2, account: a1}}}", "PX110"),
        ("{hpc: {slurm: {cores: 2, project: p1}}}", "PX110"),
        ("{pair: {processes: 2, address: 'tcp://localhost:1'}}", "PX118"),
        ("{pair: {processes: 2, insecure: true}}", "PX118"),
        ("{pair: {processes: 2, files: shared}}", "PX118"),
        ("{lab: {address: 'head:8786'}}", "PX113"),
        ("{lab: {address: 'tcp://localhost:65536'}}", "PX113"),
        ("{lab: {address: 'tls://head:8786'}}", "PX111"),
        ("{lab: {address: 'tls://head:8786', tls: {ca: a, cert: b}}}", "PX111"),
        ("{lab: {address: 'tcp://localhost:8786', tls: {ca: a, cert: b, key: c}}}", "PX118"),
        ("{lab: {address: 'tcp://head:8786'}}", "PX434"),
        ("{lab: {address: 'tcp://head:8786', insecure: false}}", "PX434"),
        ("{lab: {address: 'tcp://127.0.0.1.evil.org:8786'}}", "PX434"),
        ("{lab: {address: 7}}", "PX117"),
        ("{lab: {address: 'tcp://localhost:1', workers: {min: 1}}}", "PX118"),
        ("{pair: {processes: 2, lease: 1s}}", "PX114"),
        ("{lab: {ssh: {}}}", "PX111"),
        ("{lab: {ssh: {hosts: []}}}", "PX113"),
        ("{lab: {ssh: {hosts: one}}}", "PX112"),
        ("{lab: {ssh: {hosts: [one, two, one]}}}", "PX113"),
        ("{lab: {ssh: {hosts: ['-oProxyCommand=reboot']}}}", "PX113"),
        ("{lab: {ssh: {hosts: ['one two']}}}", "PX113"),
        ("{lab: {ssh: {hosts: [one], slots: 0}}}", "PX113"),
        ("{lab: {ssh: {hosts: [one]}, workers: {min: 1}}}", "PX118"),
        ("{lab: {ssh: {hosts: [one]}, processes: 2}}", "PX118"),
        ("{pods: {kubernetes: {image: i, cpus: 1}}}", "PX111"),
        ("{pods: {kubernetes: {cpus: 1, claims: {a: /a}}}}", "PX111"),
        ("{pods: {kubernetes: {image: i, cpus: 1, claims: {A_B: /a}}}}", "PX113"),
        ("{pods: {kubernetes: {image: i, cpus: 1, claims: {a: a}}}}", "PX113"),
        ("{pods: {kubernetes: {image: i, cpus: 1, claims: {a: /a}}, insecure: true}}", "PX118"),
        ("{lab: {gateway: {}}}", "PX111"),
        ("{lab: {gateway: 'https://head'}}", "PX112"),
        ("{lab: {gateway: {address: 7}}}", "PX117"),
        ("{lab: {gateway: {address: head}}}", "PX113"),
        ("{lab: {gateway: {address: 'https://me:secret@head'}}}", "PX113"),
        ("{lab: {gateway: {address: 'https://head', proxy: head}}}", "PX113"),
        ("{lab: {gateway: {address: 'https://head', auth: token}}}", "PX113"),
        ("{lab: {gateway: {address: 'https://head', auth: jupyterhub}}}", "PX111"),
        ("{lab: {gateway: {address: 'https://head', auth: kerberos, user: me}}}", "PX118"),
        ("{lab: {gateway: {address: 'https://head', token: {secret: A}}}}", "PX118"),
        ("{lab: {gateway: {address: 'https://head', password: secret}}}", "PX112"),
        ("{lab: {gateway: {address: 'https://head', options: {a: [1]}}}}", "PX112"),
        ("{lab: {gateway: {address: 'https://head', options: {'a b': 1}}}}", "PX113"),
        ("{lab: {gateway: {address: 'http://head'}}}", "PX434"),
        ("{lab: {gateway: {address: 'http://head'}, insecure: false}}", "PX434"),
        ("{lab: {gateway: {address: 'https://head'}, tls: {ca: a, cert: b, key: c}}}", "PX118"),
        ("{pair: {processes: 2, lease: 61m}}", "PX114"),
        ("{pair: {processes: 2, lease: long}}", "PX114"),
    ],
)
def test_what_is_no_cluster_is_refused_and_so_is_what_does_not_work_yet(clusters: str, code: str) -> None:
    text = f"version: 1\nclusters: {clusters}\nworkflows: {{a: {{run: 'true'}}}}\n"
    assert [one.code for one in loads(text.encode(), name="pexec.yaml", base_dir="/").diagnostics] == [code]


TLS = "clusters: {lab: {address: 'tls://head:8786', tls: {ca: ~/ca.pem, cert: c, key: k}}}\n"


@pytest.mark.parametrize(
    ("clusters", "cluster"),
    [
        (TLS, ClusterPolicy("lab", address="tls://head:8786", tls=TlsPolicy("~/ca.pem", "c", "k"))),
        ("clusters: {lab: {address: 'tcp://127.0.0.1:1'}}\n", ClusterPolicy("lab", address="tcp://127.0.0.1:1")),
        ("clusters: {lab: {address: 'tcp://[::1]:1'}}\n", ClusterPolicy("lab", address="tcp://[::1]:1")),
        (
            "clusters: {lab: {address: 'tcp://head:8786', insecure: true}}\n",
            ClusterPolicy("lab", address="tcp://head:8786"),
        ),
    ],
)
def test_a_cluster_that_exists_has_an_address_and_as_many_jobs_as_its_workers_have_room_for(
    clusters: str, cluster: ClusterPolicy
) -> None:
    plan = good_plan(clusters + "workflows: {a: {run: 'true'}}\n", overrides=Overrides(cluster="lab"), cpus=2)
    assert plan.policy.cluster == cluster
    assert cluster.is_encrypted == (cluster.tls is not None)
    assert plan.policy.max_parallel_jobs == 1_000
    assert f"lab, {cluster.address}" in plan_text(plan, {"cluster": "--cluster"})


def test_a_cluster_of_slurm_has_as_many_jobs_as_its_workers_have_cores() -> None:
    slurm = "{queue: main, cores: 16, memory: 1GiB, walltime: 2h, account: a1, interface: ib0, extra: [--x]}"
    text = f"clusters: {{hpc: {{slurm: {slurm}, workers: {{min: 0, max: 20}}}}}}\nworkflows: {{a: {{run: 'true'}}}}\n"
    plan = good_plan(text, overrides=Overrides(cluster="hpc"))
    cluster = plan.policy.cluster
    assert cluster is not None
    assert cluster.slurm == QueuePolicy("main", 1 << 30, 7200.0, "a1", "ib0", ("--x",))
    assert (cluster.processes, cluster.slots, cluster.least, cluster.is_here) == (20, 16, 0, False)
    assert plan.policy.max_parallel_jobs == 320
    one = good_plan(
        "clusters: {hpc: {slurm: {cores: 2}}}\nworkflows: {a: {run: 'true'}}\n", overrides=Overrides(cluster="hpc")
    )
    assert one.policy.max_parallel_jobs == 2


@pytest.mark.parametrize("kind", ["pbs", "lsf", "sge"])
def test_a_cluster_of_any_queueing_system_is_like_one_of_slurm(kind: str) -> None:
    charged = "account" if kind == "pbs" else "project"
    more = ", parallel_environment: smp" if kind == "sge" else ""
    asked = f"{{queue: main, cores: 16, memory: 1GiB, walltime: 2h, {charged}: a1, extra: [--x]{more}}}"
    text = f"clusters: {{hpc: {{{kind}: {asked}, workers: {{max: 3}}}}}}\nworkflows: {{a: {{run: 'true'}}}}\n"
    cluster = good_plan(text, overrides=Overrides(cluster="hpc")).policy.cluster
    assert cluster is not None
    extra = ("-pe smp 16", "--x") if kind == "sge" else ("--x",)
    assert cluster.queue == (kind, QueuePolicy("main", 1 << 30, 7200.0, "a1", None, extra))
    assert (cluster.processes, cluster.slots, cluster.is_here, cluster.is_encrypted) == (3, 16, False, True)


def test_a_cluster_of_hosts_has_a_worker_on_each_and_as_many_jobs_as_they_have_slots() -> None:
    text = "clusters: {lab: {ssh: {hosts: [one, me@two], %s}, labels: [gpu]}}\nworkflows: {a: {run: 'true'}}\n"
    plan = good_plan(text % "slots: 8, python: ~/bin/python, options: [-p, '2222']", overrides=Overrides(cluster="lab"))
    ssh = SshPolicy(("one", "me@two"), "~/bin/python", ("-p", "2222"))
    cluster = ClusterPolicy("lab", 2, 8, ("gpu",), ssh=ssh)
    assert plan.policy.cluster == cluster
    assert (cluster.is_here, cluster.is_encrypted, plan.policy.max_parallel_jobs) == (False, True, 16)
    assert "  cluster            lab, 2 workers of 8 slots  (from --cluster)\n" in plan_text(
        plan, {"cluster": "--cluster"}
    )
    unsized = good_plan(text.replace(", %s", ""), overrides=Overrides(cluster="lab"))
    assert unsized.policy.max_parallel_jobs == 1_000
    assert "  cluster            lab, 2 workers\n" in plan_text(unsized, {}, verbose=True)


@pytest.mark.parametrize("more", ["", "files: none, "])
def test_a_cluster_of_kubernetes_has_as_many_jobs_as_its_workers_have_cpus(more: str) -> None:
    claims = "" if more else "claims: {work: /work}, "
    keys = f"image: i, cpus: 4, memory: 1GiB, namespace: n, context: c, {claims}service_account: s, python: p"
    pods = f"{{kubernetes: {{{keys}, node_selector: {{a: b}}}}, {more}workers: {{min: 0, max: 5}}}}"
    plan = good_plan(
        f"clusters: {{pods: {pods}}}\nworkflows: {{a: {{run: 'true'}}}}\n", overrides=Overrides(cluster="pods")
    )
    cluster = plan.policy.cluster
    assert cluster is not None
    assert (cluster.processes, cluster.slots, cluster.least, cluster.is_here, cluster.is_encrypted) == (
        5,
        4,
        0,
        False,
        True,
    )
    assert cluster.kubernetes == KubernetesPolicy(
        "i", 1 << 30, "n", "c", {} if more else {"work": "/work"}, "s", {"a": "b"}, "p"
    )


GATEWAY = """\
secrets: {PASSWORD: {env: PASSWORD}, TOKEN: {command: [hub, token]}}
clusters:
  lab: {gateway: {%s}, workers: {min: 0, max: 5}%s}
workflows: {a: {run: 'true'}}
"""


@pytest.mark.parametrize(
    ("keys", "more", "settings"),
    [
        ("address: 'https://head/path', password: {secret: PASSWORD}", "", {"secret": "PASSWORD"}),
        (
            "address: 'https://head', auth: jupyterhub, token: {secret: TOKEN}, proxy: 'gateway://head:1'",
            "",
            {"auth": "jupyterhub", "secret": "TOKEN", "proxy": "gateway://head:1"},
        ),
        (
            "address: 'http://localhost:8000', user: me, options: {cores: 2, image: i, gpu: true}",
            "",
            {"user": "me", "options": {"cores": 2, "image": "i", "gpu": True}},
        ),
        ("address: 'http://head', auth: kerberos", ", insecure: true", {"auth": "kerberos"}),
    ],
)
def test_a_cluster_of_a_gateway_needs_its_secret_and_has_as_many_jobs_as_its_workers_have_room_for(
    keys: str, more: str, settings: dict[str, Any]
) -> None:
    text = GATEWAY % (keys, more)
    plan = good_plan(text, overrides=Overrides(cluster="lab"))
    cluster = plan.policy.cluster
    assert cluster is not None
    address = text.partition("address: '")[2].partition("'")[0]
    is_encrypted = not more
    assert cluster.gateway == GatewayPolicy(address, **settings, is_encrypted=is_encrypted)
    assert (cluster.processes, cluster.slots, cluster.least, cluster.is_here) == (5, 0, 0, False)
    assert cluster.is_encrypted == is_encrypted
    assert plan.policy.max_parallel_jobs == 1_000
    assert all(source.needed for source in plan.secrets.values())
    named = {cluster.gateway.secret} - {None}
    assert {name for name, source in good_plan(text).secrets.items() if not source.needed} == named


def test_a_gateway_whose_secret_is_not_declared_is_an_error_where_it_is_written() -> None:
    keys = "address: 'https://head', password: {secret: PASSWORD}"
    made = planned(GATEWAY.replace("PASSWORD: {env: PASSWORD}, ", "") % (keys, ""))
    assert made.plan is None
    (error,) = made.diagnostics
    assert (error.code, error.message) == ("PX220", "unknown secret `PASSWORD` in `clusters.lab`")
    assert error.path == ("clusters", "lab", "gateway", "password", "secret")


def test_a_gateway_of_the_settings_whose_secret_is_not_declared_is_an_error_once_it_is_chosen() -> None:
    table = {"gateway": {"address": "https://h", "auth": "jupyterhub", "token": {"secret": "HUB"}}}
    text = "secrets: {PASSWORD: {env: PASSWORD}}\nworkflows: {a: {run: 'true'}}\n"
    clusters = {"lab": (table, "the settings")}
    assert good_plan(text, overrides=Overrides(clusters=clusters)).policy.cluster is None
    with pytest.raises(UsageError, match="unknown secret `HUB` in `gateway` of the cluster `lab`"):
        good_plan(text, overrides=Overrides(cluster="lab", clusters=clusters))
