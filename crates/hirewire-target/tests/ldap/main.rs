//! The LDAP target against real servers: Samba as an Active Directory domain controller, and OpenLDAP.
//!
//! Every test has an organizational unit of its own. The servers are started when the first test needs them
//! (`parts/samba-ad.sh`, `parts/openldap.sh`) and stopped at the end. A missing server is a failure that names the
//! command which installs it.
mod accounts;
mod admin;
mod changes;
mod check;
mod delivery;
mod parts;
mod place;
mod security;
mod trouble;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use place::{Kind, Place};

/// A test: gets a place of its own in a directory.
type Case = fn(Place) -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

/// Names a test function and boxes its future.
#[macro_export]
macro_rules! cases {
    ($($kind:ident: $module:ident::$name:ident),* $(,)?) => {
        vec![$((Kind::$kind, concat!(stringify!($module), "::", stringify!($name)), (|place| Box::pin($module::$name(place))) as Case)),*]
    };
}

fn main() -> ExitCode {
    let both: Vec<(Kind, &str, Case)> = [Kind::Ad, Kind::Inet]
        .into_iter()
        .flat_map(|kind| {
            cases![
                Ad: accounts::contract,
                Ad: accounts::create_and_find,
                Ad: accounts::second_apply_writes_nothing,
                Ad: accounts::disable_and_enable,
                Ad: accounts::disabled_container,
                Ad: accounts::move_and_rename,
                Ad: accounts::clear_attributes,
                Ad: accounts::manager_is_a_reference,
                Ad: accounts::several_values,
                Ad: accounts::delete_is_repeatable,
                Ad: accounts::delete_can_disable_or_keep,
                Ad: accounts::many_at_once,
                Ad: accounts::enumerate_reads_pages,
                Ad: accounts::exists_looks_everywhere,
                Ad: accounts::repeated_create_finds_its_own,
                Ad: accounts::odd_names,
                Ad: accounts::groups_follow_rules,
                Ad: trouble::name_taken_by_a_foreign_account,
                Ad: trouble::administrator_renames_and_moves,
                Ad: trouble::administrator_deletes,
                Ad: trouble::administrator_locks,
                Ad: trouble::administrator_changes_the_attribute,
                Ad: trouble::container_missing,
                Ad: trouble::no_such_attribute,
                Ad: trouble::wrong_value_forms,
                Ad: trouble::one_bad_step_does_not_stop_the_others,
                Ad: trouble::manager_gone,
                Ad: trouble::object_has_children,
                Ad: trouble::duplicate_matches_are_reported,
                Ad: trouble::filter_signs_in_keys,
                Ad: trouble::container_is_no_name,
                Ad: changes::changed_since,
                Ad: security::wrong_password_locks,
                Ad: security::wrong_authority_is_refused,
                Ad: security::starttls_works,
                Ad: security::reader_may_not_write,
                Ad: security::empty_password_is_refused,
                Ad: check::healthy,
                Ad: check::reader_misses_rights,
            ]
            .into_iter()
            .map(move |(_, name, case)| (kind, name, case))
        })
        .collect();
    let single: Vec<(Kind, &str, Case)> = cases![
        Ad: accounts::ad_new_account_can_sign_in,
        Ad: accounts::ad_foreign_control_bits_survive,
        Ad: accounts::ad_expiry_dates,
        Ad: accounts::ad_binary_and_ranges,
        Ad: accounts::ad_recycle_bin_is_looked_into,
        Ad: trouble::ad_server_hangs,
        Ad: trouble::ad_server_restarts,
        Ad: trouble::ad_account_name_rules,
        Ad: trouble::ad_duplicate_account_name,
        Ad: trouble::ad_value_too_long,
        Ad: trouble::ad_password_policy_is_obeyed,
        Ad: security::ad_least_privilege_suffices,
        Ad: security::ad_least_privilege_and_no_more,
        Ad: check::ad_findings_name_commands,
        Inet: accounts::inet_new_account_can_sign_in,
        Inet: accounts::inet_one_name,
        Inet: trouble::inet_unique_overlay,
        Inet: trouble::inet_schema_violation,
        Inet: trouble::inet_size_limit,
        Inet: trouble::inet_server_restarts,
        Inet: trouble::inet_server_hangs,
        Inet: trouble::inet_second_server_takes_over,
        Inet: trouble::fake_servers,
        Inet: security::clear_text_is_refused,
        Inet: security::inet_external_bind,
        Inet: delivery::sealed_file,
        Inet: delivery::mail_to_the_manager,
        Inet: delivery::webhook,
    ];
    let trials = both.into_iter().chain(single).map(|(kind, name, case)| {
        Trial::test(format!("{name}::{kind:?}"), move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(async move {
                case(Place::new(kind).await?).await;
                Ok(())
            })
        })
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    parts::stop_all();
    conclusion.exit_code()
}
