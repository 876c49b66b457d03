"""Every key of a manifest is tested from outside: this is the list of keys and their tests.

The keys come from the models themselves, so a new key fails here until a test that runs pexec shows what it changes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.manifests import sections

from orchestrator.manifest.section import keys_of

TESTS = Path(__file__).parents[1]

_ON_A_QUEUE = (
    "acceptance/test_keys_of_queues.py::test_jobs_succeed_on_workers_of_the_queue_and_one_that_is_cancelled_is_replaced"
)

# section -> key -> the test, as FILE::FUNCTION below `tests/`; a file alone is the prefix of the functions after it
OBSERVED: dict[str, dict[str, str]] = {
    "Manifest": {
        "version": "acceptance/test_keys_of_the_run.py::test_another_version_is_refused",
        "name": "acceptance/test_keys_of_the_run.py::test_a_run_has_the_name_of_its_manifest_or_of_its_directory",
        "description": "acceptance/test_keys_of_the_run.py::test_descriptions_are_shown_by_the_plan",
        "include": "acceptance/test_language_include.py::"
        "test_included_workflows_run_in_their_own_directories_with_their_own_defaults",
        "params": "acceptance/test_language_params.py::test_flags_override_variables_and_these_override_defaults",
        "policy": "acceptance/test_keys_of_the_run.py::test_max_parallel_jobs_is_the_number_of_jobs_at_once",
        "clusters": "acceptance/test_keys_of_clusters.py::test_jobs_run_on_workers_and_end_as_they_do_at_home",
        "secrets": "promises/test_env.py::test_a_job_has_the_secrets_that_it_names_and_no_others",
        "defaults": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "workflows": "acceptance/test_s38_commands.py::test_each_kind_of_command_runs_as_it_is_written",
    },
    "Include": {
        "file": "acceptance/test_language_include.py::"
        "test_included_workflows_run_in_their_own_directories_with_their_own_defaults",
        "prefix": "acceptance/test_language_include.py::test_a_job_of_an_included_manifest_is_named_with_its_prefix",
        "optional": "acceptance/test_language_include.py::"
        "test_included_workflows_run_in_their_own_directories_with_their_own_defaults",
    },
    "Param": {
        "command": "acceptance/test_language_computed_params.py::"
        "test_a_command_computes_a_default_once_for_a_run_and_a_resume_takes_the_same",
        "default": "acceptance/test_language_params.py::test_flags_override_variables_and_these_override_defaults",
        "pattern": "acceptance/test_language_params.py::test_a_wrong_name_or_value_is_a_usage_error",
        "choices": "acceptance/test_language_params.py::test_a_wrong_name_or_value_is_a_usage_error",
        "description": "acceptance/test_keys_of_the_run.py::test_descriptions_are_shown_by_the_plan",
    },
    "Policy": {
        "max_parallel_jobs": "acceptance/test_keys_of_the_run.py::test_max_parallel_jobs_is_the_number_of_jobs_at_once",
        "fail_fast": "acceptance/test_keys_of_the_run.py::test_fail_fast_sets_what_a_failure_does_to_the_rest",
        "timeout": "acceptance/test_keys_of_the_run.py::test_timeout_is_the_deadline_of_the_run",
        "order": "acceptance/test_keys_of_the_run.py::test_order_is_the_longest_chain_first_or_as_declared",
        "pools": "acceptance/test_keys_of_the_run.py::test_jobs_hold_their_share_of_a_pool",
        "admission": "promises/test_admission.py::test_without_room_jobs_run_one_after_the_other",
        "durability": "promises/test_durable_success.py::"
        "test_with_durability_power_a_success_is_on_disk_before_a_dependent_starts",
        "keep_runs": "acceptance/test_keys_of_old_runs.py::"
        "test_old_runs_are_removed_except_those_that_may_still_be_needed",
        "archive": "acceptance/test_keys_of_old_runs.py::"
        "test_apply_and_resume_pack_the_run_privately_and_without_secrets",
        "cluster": "acceptance/test_keys_of_clusters.py::test_jobs_run_on_workers_and_end_as_they_do_at_home",
        "cache": "acceptance/test_keys_of_inputs.py::"
        "test_results_are_stored_where_the_policy_says_and_no_more_than_it_allows",
        "ci": "acceptance/test_in_ci.py::test_pass_commands_lets_the_commands_of_jobs_through",
    },
    "Cache": {
        "dir": "acceptance/test_keys_of_inputs.py::"
        "test_results_are_stored_where_the_policy_says_and_no_more_than_it_allows",
        "max_size": "acceptance/test_keys_of_inputs.py::"
        "test_results_are_stored_where_the_policy_says_and_no_more_than_it_allows",
        "remote": "acceptance/test_keys_of_the_remote_cache.py::"
        "test_what_one_machine_made_is_up_to_date_on_another_one",
        "mode": "acceptance/test_keys_of_the_remote_cache.py::"
        "test_the_remote_store_is_only_read_unless_the_mode_says_otherwise",
        "key": "acceptance/test_keys_of_the_remote_cache.py::test_results_count_only_if_they_are_signed_with_the_key",
    },
    "CacheKey": {
        "secret": "acceptance/test_keys_of_the_remote_cache.py::"
        "test_results_count_only_if_they_are_signed_with_the_key",
    },
    "Input": {
        "path": "acceptance/test_keys_of_inputs.py::test_a_change_of_anything_it_depends_on_runs_it_again_and_is_named",
        "ignore": "acceptance/test_keys_of_inputs.py::"
        "test_gitignore_takes_files_out_of_patterns_unless_ignore_is_false",
        "optional": "acceptance/test_keys_of_inputs.py::"
        "test_a_missing_input_fails_the_job_before_it_starts_unless_it_is_optional",
        "env": "acceptance/test_keys_of_inputs.py::test_a_variable_counts_with_its_final_value_and_is_named",
        "command": "acceptance/test_keys_of_inputs.py::"
        "test_a_change_of_anything_it_depends_on_runs_it_again_and_is_named",
    },
    "Cluster": {
        "processes": "acceptance/test_keys_of_clusters.py::test_jobs_run_on_workers_and_end_as_they_do_at_home",
        "slurm": "acceptance/test_keys_of_slurm.py::"
        "test_a_hundred_jobs_succeed_although_a_worker_is_cancelled_in_the_middle",
        **dict.fromkeys(("pbs", "lsf", "sge"), _ON_A_QUEUE),
        "kubernetes": "acceptance/test_keys_of_kubernetes.py::test_jobs_run_in_pods_and_nothing_stays_in_kubernetes",
        "gateway": "acceptance/test_keys_of_gateways.py::"
        "test_jobs_run_in_a_cluster_of_the_gateway_which_is_left_to_nobody",
        "ssh": "acceptance/test_keys_of_ssh.py::"
        "test_jobs_run_on_the_hosts_with_the_environment_of_pexec_and_nothing_stays_there",
        "address": "acceptance/test_keys_of_existing_clusters.py::test_jobs_run_on_its_workers_and_nothing_stays_there",
        "tls": "acceptance/test_keys_of_existing_clusters.py::test_jobs_run_on_its_workers_and_nothing_stays_there",
        "insecure": "acceptance/test_keys_of_existing_clusters.py::"
        "test_a_run_without_encryption_says_so_each_time_and_passes_on_a_minimal_environment",
        "files": "acceptance/test_keys_of_existing_clusters.py::"
        "test_a_worker_that_does_not_see_the_directory_is_named_and_others_are_used",
        "dir": "acceptance/test_keys_of_files_none.py::"
        "test_nothing_is_read_or_written_where_the_manifest_and_the_run_are",
        "workers": "acceptance/test_keys_of_clusters.py::"
        "test_workers_start_when_jobs_wait_and_end_when_they_have_run_nothing_for_a_while",
        "lease": "acceptance/test_keys_of_clusters.py::"
        "test_a_job_of_a_worker_that_does_not_answer_ends_with_its_lease_and_runs_again_elsewhere",
        "labels": "acceptance/test_keys_of_clusters.py::"
        "test_a_job_that_requires_a_label_runs_on_a_cluster_that_has_it_and_on_no_other",
    },
    "Slurm": dict.fromkeys(
        ("cores", "queue", "memory", "walltime", "account", "interface"),
        "acceptance/test_keys_of_slurm.py::test_a_hundred_jobs_succeed_although_a_worker_is_cancelled_in_the_middle",
    )
    | {
        "extra": "acceptance/test_keys_of_slurm.py::test_a_run_for_which_slurm_has_no_room_says_why",
    },
    **{
        system: dict.fromkeys(
            ("cores", "queue", "memory", "walltime", charged, "interface", "extra", *more), _ON_A_QUEUE
        )
        for system, charged, more in (
            ("Pbs", "account", ()),
            ("Lsf", "project", ()),
            ("Sge", "project", ("parallel_environment",)),
        )
    },
    "Ssh": dict.fromkeys(
        ("hosts", "slots", "options"),
        "acceptance/test_keys_of_ssh.py::"
        "test_jobs_run_on_the_hosts_with_the_environment_of_pexec_and_nothing_stays_there",
    )
    | {
        "python": "acceptance/test_keys_of_ssh.py::"
        "test_a_host_with_another_pexec_or_none_is_refused_with_both_versions",
    },
    "Kubernetes": dict.fromkeys(
        ("image", "cpus", "memory", "namespace", "claims", "service_account", "node_selector", "context", "python"),
        "acceptance/test_keys_of_kubernetes.py::test_each_key_is_in_what_a_run_would_create_which_the_operator_accepts",
    ),
    "Gateway": dict.fromkeys(
        ("address", "proxy", "user", "password", "options"),
        "acceptance/test_keys_of_gateways.py::test_jobs_run_in_a_cluster_of_the_gateway_which_is_left_to_nobody",
    )
    | dict.fromkeys(
        ("auth", "token"),
        "acceptance/test_keys_of_gateways.py::test_a_gateway_that_cannot_be_used_is_an_error_before_any_job",
    ),
    "SecretOfGateway": {
        "secret": "acceptance/test_keys_of_gateways.py::"
        "test_jobs_run_in_a_cluster_of_the_gateway_which_is_left_to_nobody",
    },
    "Tls": dict.fromkeys(
        ("ca", "cert", "key"),
        "acceptance/test_keys_of_existing_clusters.py::test_a_certificate_of_another_authority_is_not_accepted",
    ),
    "Workers": {
        "max": "acceptance/test_keys_of_slurm.py::"
        "test_a_hundred_jobs_succeed_although_a_worker_is_cancelled_in_the_middle",
        "min": "acceptance/test_keys_of_clusters.py::"
        "test_workers_start_when_jobs_wait_and_end_when_they_have_run_nothing_for_a_while",
        "idle": "acceptance/test_keys_of_clusters.py::"
        "test_workers_start_when_jobs_wait_and_end_when_they_have_run_nothing_for_a_while",
        "start": "acceptance/test_keys_of_clusters.py::test_a_run_whose_workers_never_come_ends_after_start",
    },
    "Processes": {
        "count": "acceptance/test_keys_of_clusters.py::test_jobs_run_on_workers_and_end_as_they_do_at_home",
        "slots": "acceptance/test_keys_of_clusters.py::"
        "test_slots_bound_what_runs_at_once_and_are_the_default_of_max_parallel_jobs",
    },
    "Ci": {
        "pass_commands": "acceptance/test_in_ci.py::test_pass_commands_lets_the_commands_of_jobs_through",
    },
    "Admission": {
        "min_free_memory": "promises/test_admission.py::test_without_room_jobs_run_one_after_the_other",
        "max_load": "promises/test_admission.py::test_without_room_jobs_run_one_after_the_other",
    },
    "Secret": {
        "env": "acceptance/test_keys_of_secrets.py::test_a_secret_is_found_where_the_manifest_says",
        "file": "acceptance/test_keys_of_secrets.py::test_a_secret_is_found_where_the_manifest_says",
        "command": "acceptance/test_keys_of_secrets.py::test_a_secret_is_found_where_the_manifest_says",
        "env_file": "acceptance/test_keys_of_env_files.py::"
        "test_a_secret_of_an_env_file_reaches_only_its_jobs_and_is_masked",
        "allow_short": "acceptance/test_keys_of_secrets.py::test_a_short_secret_is_refused_unless_it_is_allowed",
    },
    "EnvFile": {
        "file": "acceptance/test_keys_of_env_files.py::"
        "test_variables_come_from_files_below_env_and_later_files_take_precedence",
        "optional": "acceptance/test_keys_of_env_files.py::"
        "test_variables_come_from_files_below_env_and_later_files_take_precedence",
    },
    "Defaults": {
        "timeout": "acceptance/test_keys_of_defaults.py::test_timeout_grace_and_retry",
        "grace": "acceptance/test_keys_of_defaults.py::test_timeout_grace_and_retry",
        "env_file": "acceptance/test_keys_of_env_files.py::"
        "test_variables_come_from_files_below_env_and_later_files_take_precedence",
        "stop_signal": "acceptance/test_keys_of_stops_and_colors.py::"
        "test_a_job_is_stopped_by_its_own_signal_and_killed_after_grace",
        "color": "acceptance/test_keys_of_stops_and_colors.py::"
        "test_jobs_are_asked_for_colors_where_the_screen_shows_them",
        "retry": "acceptance/test_keys_of_defaults.py::test_timeout_grace_and_retry",
        "shell": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "env": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "env_inherit": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "working_dir": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "limits": "acceptance/test_keys_of_defaults.py::test_limits_and_require_limits",
        "require_limits": "acceptance/test_keys_of_defaults.py::test_limits_and_require_limits",
        "isolation": "acceptance/test_keys_of_isolation.py::"
        "test_a_sandbox_writes_where_allowed_and_has_a_network_on_request",
        "writes": "acceptance/test_keys_of_isolation.py::"
        "test_a_sandbox_writes_where_allowed_and_has_a_network_on_request",
        "network": "acceptance/test_keys_of_isolation.py::"
        "test_a_sandbox_writes_where_allowed_and_has_a_network_on_request",
        "require_isolation": "acceptance/test_keys_of_isolation.py::"
        "test_required_isolation_that_is_unavailable_refuses_the_run",
    },
    "Retry": {
        "max_attempts": "acceptance/test_keys_of_retries.py::test_delay_backoff_and_max_delay_set_the_waits",
        "delay": "acceptance/test_keys_of_retries.py::test_delay_backoff_and_max_delay_set_the_waits",
        "backoff": "acceptance/test_keys_of_retries.py::test_delay_backoff_and_max_delay_set_the_waits",
        "max_delay": "acceptance/test_keys_of_retries.py::test_delay_backoff_and_max_delay_set_the_waits",
        "jitter": "acceptance/test_keys_of_retries.py::test_jitter_spreads_them",
        "on": "acceptance/test_keys_of_retries.py::test_on_chooses_which_outcomes_are_retried",
    },
    "ExitCodes": {"exit": "acceptance/test_keys_of_retries.py::test_on_chooses_which_outcomes_are_retried"},
    "Limits": {
        "memory": "promises/test_memory_limit.py::test_a_tree_that_uses_too_much_memory_is_killed_with_the_reason",
        "cpu_time": "promises/test_memory_limit.py::test_a_job_that_uses_up_its_cpu_time_is_killed_with_the_reason",
        "open_files": "promises/test_limits_from_start.py::"
        "test_a_workflows_limits_override_the_defaults_key_by_key_and_none_removes_one",
        "file_size": "promises/test_limits_from_start.py::"
        "test_a_file_that_grows_too_large_ends_the_job_and_its_log_does_not_count",
        "processes": "promises/test_limits_from_start.py::"
        "test_a_limit_that_cannot_be_enforced_is_reported_or_with_require_limits_refused",
        "core": "promises/test_limits_from_start.py::"
        "test_a_workflows_limits_override_the_defaults_key_by_key_and_none_removes_one",
        "log": "promises/test_limits_from_start.py::test_a_log_keeps_its_head_and_its_tail_and_counts_what_was_dropped",
    },
    "Workflow": {
        "run": "acceptance/test_s38_commands.py::test_each_kind_of_command_runs_as_it_is_written",
        "argv": "acceptance/test_s38_commands.py::test_each_kind_of_command_runs_as_it_is_written",
        "file": "acceptance/test_s38_commands.py::test_each_kind_of_command_runs_as_it_is_written",
        "args": "acceptance/test_s38_commands.py::test_each_kind_of_command_runs_as_it_is_written",
        "needs": "acceptance/test_keys_of_workflows.py::test_needs_after_when_and_allow_failure",
        "after": "acceptance/test_keys_of_workflows.py::test_needs_after_when_and_allow_failure",
        "if": "acceptance/test_keys_of_workflows.py::test_a_condition_that_is_false_leaves_the_workflow_out",
        "manual": "acceptance/test_language_conditions.py::test_a_manual_workflow_runs_when_named",
        "matrix": "acceptance/test_language_matrix.py::"
        "test_each_cell_is_a_job_and_waits_only_for_the_cells_that_it_needs",
        "when": "acceptance/test_keys_of_workflows.py::test_needs_after_when_and_allow_failure",
        "timeout": "acceptance/test_keys_of_defaults.py::test_timeout_grace_and_retry",
        "grace": "acceptance/test_keys_of_defaults.py::test_timeout_grace_and_retry",
        "env_file": "acceptance/test_keys_of_env_files.py::"
        "test_variables_come_from_files_below_env_and_later_files_take_precedence",
        "stop_signal": "acceptance/test_keys_of_stops_and_colors.py::"
        "test_a_job_is_stopped_by_its_own_signal_and_killed_after_grace",
        "color": "acceptance/test_keys_of_stops_and_colors.py::"
        "test_jobs_are_asked_for_colors_where_the_screen_shows_them",
        "retry": "acceptance/test_keys_of_defaults.py::test_timeout_grace_and_retry",
        "shell": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "env": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "env_inherit": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "working_dir": "acceptance/test_keys_of_defaults.py::test_shell_env_env_inherit_and_working_dir",
        "limits": "acceptance/test_keys_of_defaults.py::test_limits_and_require_limits",
        "require_limits": "acceptance/test_keys_of_defaults.py::test_limits_and_require_limits",
        "isolation": "acceptance/test_keys_of_isolation.py::"
        "test_a_sandbox_writes_where_allowed_and_has_a_network_on_request",
        "writes": "acceptance/test_keys_of_isolation.py::"
        "test_a_sandbox_writes_where_allowed_and_has_a_network_on_request",
        "network": "acceptance/test_keys_of_isolation.py::"
        "test_a_sandbox_writes_where_allowed_and_has_a_network_on_request",
        "require_isolation": "acceptance/test_keys_of_isolation.py::"
        "test_required_isolation_that_is_unavailable_refuses_the_run",
        "cleanup": "acceptance/test_keys_of_workflows.py::test_cleanup_runs_after_the_job_within_its_timeout",
        "cleanup_timeout": "acceptance/test_keys_of_workflows.py::test_cleanup_runs_after_the_job_within_its_timeout",
        "secrets": "promises/test_env.py::test_a_job_has_the_secrets_that_it_names_and_no_others",
        "inputs": "acceptance/test_keys_of_inputs.py::"
        "test_a_change_of_anything_it_depends_on_runs_it_again_and_is_named",
        "cache": "acceptance/test_keys_of_inputs.py::test_with_cache_false_a_job_always_runs",
        "reads": "acceptance/test_keys_of_reads.py::"
        "test_a_file_that_is_not_declared_is_hidden_and_does_not_show_in_listings",
        "outputs": "acceptance/test_keys_of_outputs.py::test_a_job_hands_its_values_to_those_that_need_it",
        "pools": "acceptance/test_keys_of_the_run.py::test_jobs_hold_their_share_of_a_pool",
        "memory": "promises/test_admission.py::test_without_room_jobs_run_one_after_the_other",
        "cpus": "promises/test_admission.py::test_without_room_jobs_run_one_after_the_other",
        "requires": "acceptance/test_keys_of_clusters.py::"
        "test_a_job_that_requires_a_label_runs_on_a_cluster_that_has_it_and_on_no_other",
        "where": "acceptance/test_keys_of_clusters.py::"
        "test_a_job_that_stays_at_home_runs_below_pexec_itself_beside_those_on_workers",
        "allow_failure": "acceptance/test_keys_of_workflows.py::test_needs_after_when_and_allow_failure",
        "priority": "acceptance/test_keys_of_the_run.py::test_priority_goes_before_the_critical_path",
        "tags": "acceptance/test_keys_of_workflows.py::test_tags_choose_what_runs",
        "description": "acceptance/test_keys_of_the_run.py::test_descriptions_are_shown_by_the_plan",
    },
    "Output": {
        "type": "acceptance/test_keys_of_outputs.py::test_a_job_hands_its_values_to_those_that_need_it",
        "default": "acceptance/test_keys_of_outputs.py::test_a_job_hands_its_values_to_those_that_need_it",
        "description": "acceptance/test_keys_of_outputs.py::"
        "test_the_plan_shows_values_by_name_and_what_each_job_hands_on",
        "path": "acceptance/test_keys_of_inputs.py::"
        "test_a_declared_output_that_is_not_created_fails_the_attempt_unless_it_is_optional",
        "fresh": "acceptance/test_keys_of_inputs.py::test_fresh_removes_what_an_earlier_attempt_made_and_nothing_else",
        "optional": "acceptance/test_keys_of_inputs.py::"
        "test_a_declared_output_that_is_not_created_fails_the_attempt_unless_it_is_optional",
    },
    "EnvPaths": {
        "prepend": "acceptance/test_keys_of_env.py::test_paths_are_added_before_and_behind_the_inherited_value",
        "append": "acceptance/test_keys_of_env.py::test_paths_are_added_before_and_behind_the_inherited_value",
    },
    "Need": {
        "workflow": "acceptance/test_language_matrix.py::"
        "test_each_cell_is_a_job_and_waits_only_for_the_cells_that_it_needs",
        "matrix": "acceptance/test_language_matrix.py::"
        "test_each_cell_is_a_job_and_waits_only_for_the_cells_that_it_needs",
    },
    "Condition": {
        "not": "acceptance/test_keys_of_workflows.py::test_a_condition_that_is_false_leaves_the_workflow_out",
        "any": "acceptance/test_keys_of_workflows.py::test_a_condition_that_is_false_leaves_the_workflow_out",
        "all": "acceptance/test_keys_of_workflows.py::test_a_condition_that_is_false_leaves_the_workflow_out",
    },
    "Glob": {"glob": "acceptance/test_keys_of_workflows.py::test_a_condition_that_is_false_leaves_the_workflow_out"},
    "AxisSource": {
        "glob": "acceptance/test_language_listed_axes.py::"
        "test_glob_makes_one_job_for_each_file_with_chains_and_parts_of_the_path",
        "hidden": "acceptance/test_language_listed_axes.py::test_hidden_files_are_jobs_only_if_the_axis_says_so",
        "lines": "acceptance/test_language_listed_axes.py::test_lines_makes_one_job_for_each_line",
        "json": "acceptance/test_language_listed_axes.py::"
        "test_json_makes_one_job_for_each_item_of_the_list_at_a_pointer",
        "at": "acceptance/test_language_listed_axes.py::test_json_makes_one_job_for_each_item_of_the_list_at_a_pointer",
        "from": "acceptance/test_language_growing_matrix.py::"
        "test_from_makes_a_job_for_each_value_that_a_need_has_written",
        "allow_empty": "acceptance/test_language_listed_axes.py::"
        "test_nothing_to_list_is_an_error_unless_allow_empty_leaves_the_workflow_out",
    },
    "Matrix": {
        "include": "acceptance/test_language_matrix.py::test_included_values_join_the_cells_they_do_not_contradict",
        "exclude": "acceptance/test_language_matrix.py::"
        "test_each_cell_is_a_job_and_waits_only_for_the_cells_that_it_needs",
        "fail_fast": "acceptance/test_language_matrix.py::"
        "test_a_failing_cell_cancels_the_others_and_the_rest_of_the_run_continues",
        "like": "acceptance/test_language_matrix.py::test_a_matrix_like_another_makes_a_chain_for_each_item",
        "max_parallel": "acceptance/test_language_matrix.py::"
        "test_max_parallel_is_the_number_of_jobs_of_a_matrix_that_run_at_once",
    },
}


KEYS = [(section.__name__.removesuffix("Keys"), key) for section in sections() for key in sorted(keys_of(section))]


def functions(file: Path) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("section", "key"), KEYS, ids=lambda part: part)
def test_a_test_observes_it(section: str, key: str) -> None:
    observer = OBSERVED.get(section, {}).get(key)
    assert observer, (
        f"name the test that runs pexec and shows what `{key}` of {section} changes, in {Path(__file__).name}"
    )
    file, _, name = observer.partition("::")
    assert file.startswith(("acceptance/", "promises/"))
    test = next((function for function in functions(TESTS / file) if function.name == name), None)
    assert test is not None, f"there is no test {observer}"
    assert "pexec" in {argument.arg for argument in test.args.args}, "it does not run pexec"
    assert f"{key}:" in (TESTS / file).read_text(), f"`{key}:` is written nowhere in {file}"


def test_the_list_has_no_removed_key() -> None:
    assert {(section, key) for section, keys in OBSERVED.items() for key in keys} == set(KEYS)
