//! `$filter` and `$orderby` of the log, translated for the store (spec/inbound-api.md §8.2).
use hirewire_store::log::{
    Comparison, Fold, LogAction, LogField, LogFilter, LogOrder, LogStatus, LogValue, Operand, TextFunction,
};

use super::render::API_OBJECT;
use crate::error::ApiError;
use crate::odata::filter::{Fold as ODataFold, Path};
use crate::odata::{Filter, Literal, Operator, Order, TextFunction as ODataText};

/// Names of the systems that records can carry, with the beginning of the job ids that do.
pub const ENTRA: &str = "Microsoft Entra ID";
/// The target of on-premises jobs.
pub const ACTIVE_DIRECTORY: &str = "Active Directory";
/// How ids of on-premises jobs begin.
const AD_JOBS: &str = "API2AD.";

/// What a property path means.
enum Member {
    /// Kept per entry.
    Field(LogField),
    /// The same text in every record.
    Constant(String),
    /// Depends on the job's kind.
    TargetSystem,
}

/// Translates a filter; 400 for properties that cannot be filtered by.
pub fn filter(filter: &Filter, tenant: &str) -> Result<LogFilter, ApiError> {
    let all =
        |parts: &[Filter]| parts.iter().map(|part| self::filter(part, tenant)).collect::<Result<Vec<_>, _>>();
    Ok(match filter {
        Filter::And(parts) => LogFilter::And(all(parts)?),
        Filter::Or(parts) => LogFilter::Or(all(parts)?),
        Filter::Not(part) => LogFilter::Not(Box::new(self::filter(part, tenant)?)),
        Filter::Compare { path, operator, value } => {
            let leaf = |constant: &str| compare_constant(constant, path.fold, *operator, value);
            match member(path, tenant)? {
                Member::Constant(constant) => LogFilter::Constant(leaf(&constant)),
                Member::TargetSystem => by_target(leaf),
                Member::Field(field) => {
                    let value = literal(field, value)?;
                    LogFilter::Compare(operand(field, path), comparison(*operator), value)
                }
            }
        }
        Filter::In { path, values } => {
            let leaf = |constant: &str| {
                values.iter().any(|value| compare_constant(constant, path.fold, Operator::Eq, value))
            };
            match member(path, tenant)? {
                Member::Constant(constant) => LogFilter::Constant(leaf(&constant)),
                Member::TargetSystem => by_target(leaf),
                Member::Field(field) => {
                    let values =
                        values.iter().map(|value| literal(field, value)).collect::<Result<_, _>>()?;
                    LogFilter::In(operand(field, path), values)
                }
            }
        }
        Filter::Text { function, path, value } => {
            let leaf = |constant: &str| text_constant(constant, path.fold, *function, value);
            match member(path, tenant)? {
                Member::Constant(constant) => LogFilter::Constant(leaf(&constant)),
                Member::TargetSystem => by_target(leaf),
                Member::Field(field) => {
                    LogFilter::Text(text_function(*function), operand(field, path), value.clone())
                }
            }
        }
    })
}

/// Entries of on-premises jobs when the condition holds for their system's name, and of the others likewise.
fn by_target(holds: impl Fn(&str) -> bool) -> LogFilter {
    let on_premises = || LogFilter::Text(TextFunction::StartsWith, LogField::JobId.into(), AD_JOBS.into());
    LogFilter::Or(vec![
        LogFilter::And(vec![on_premises(), LogFilter::Constant(holds(ACTIVE_DIRECTORY))]),
        LogFilter::And(vec![LogFilter::Not(Box::new(on_premises())), LogFilter::Constant(holds(ENTRA))]),
    ])
}

/// Property names are compared without regard to case.
fn member(path: &Path, tenant: &str) -> Result<Member, ApiError> {
    let field = |field| Ok(Member::Field(field));
    let constant = |text: &str| Ok(Member::Constant(text.to_owned()));
    match path.text.to_ascii_lowercase().as_str() {
        "id" => field(LogField::Id),
        "jobid" => field(LogField::JobId),
        "cycleid" => field(LogField::CycleId),
        "changeid" => field(LogField::ChangeId),
        "activitydatetime" => field(LogField::Time),
        "durationinmilliseconds" => field(LogField::Duration),
        "provisioningaction" | "action" => field(LogField::Action),
        "provisioningstatusinfo/status" | "statusinfo/status" => field(LogField::Status),
        "provisioningstatusinfo/errorinformation/errorcode"
        | "statusinfo/errorcode"
        | "statusinfo/errorinformation/errorcode" => field(LogField::ErrorCode),
        "sourceidentity/id" => field(LogField::SourceId),
        "targetidentity/id" => field(LogField::TargetId),
        "targetidentity/displayname" => field(LogField::TargetName),
        "serviceprincipal/id" => field(LogField::ServicePrincipalId),
        "serviceprincipal/displayname" | "serviceprincipal/name" => field(LogField::ServicePrincipalName),
        "sourceidentity/details/uploadid" => field(LogField::Upload),
        "tenantid" => constant(tenant),
        "sourceidentity/displayname" => constant(""),
        "sourceidentity/identitytype" => constant(API_OBJECT),
        "targetidentity/identitytype" => constant("User"),
        "sourcesystem/displayname" => constant("API"),
        "targetsystem/displayname" => Ok(Member::TargetSystem),
        "initiatedby/displayname" => constant("Azure AD Provisioning Service"),
        "initiatedby/initiatortype" => constant("system"),
        _ => {
            let shown: String = path.text.chars().take(80).collect();
            Err(ApiError::bad_request("Invalid filter clause").with_detail(
                "Filter",
                Some("$filter".into()),
                format!("`{shown}` is no property of provisioning log records that can be filtered by"),
            ))
        }
    }
}

fn operand(field: LogField, path: &Path) -> Operand {
    let fold = match path.fold {
        None => Fold::None,
        Some(ODataFold::Lower) => Fold::Lower,
        Some(ODataFold::Upper) => Fold::Upper,
    };
    Operand { field, fold }
}

fn comparison(operator: Operator) -> Comparison {
    match operator {
        Operator::Eq => Comparison::Equal,
        Operator::Ne => Comparison::NotEqual,
        Operator::Gt => Comparison::Greater,
        Operator::Ge => Comparison::GreaterOrEqual,
        Operator::Lt => Comparison::Less,
        Operator::Le => Comparison::LessOrEqual,
    }
}

fn text_function(function: ODataText) -> TextFunction {
    match function {
        ODataText::Contains => TextFunction::Contains,
        ODataText::StartsWith => TextFunction::StartsWith,
        ODataText::EndsWith => TextFunction::EndsWith,
    }
}

/// Values of enumerations are brought to their own spelling: beta writes `Create`, v1.0 `create`.
fn literal(field: LogField, value: &Literal) -> Result<LogValue, ApiError> {
    Ok(match (field, value) {
        (_, Literal::Null) => LogValue::Null,
        (_, Literal::Number(number)) => LogValue::Number(*number),
        (_, Literal::Time(time)) => LogValue::Time(*time),
        (LogField::Time, Literal::Text(text)) => LogValue::Time(text.parse().map_err(|_| bad_value(text))?),
        (LogField::Upload, Literal::Text(text)) => {
            LogValue::Number(text.parse().map_err(|_| bad_value(text))?)
        }
        (LogField::Action, Literal::Text(text)) => {
            LogValue::Text(LogAction::parse(text).map_or_else(|| text.clone(), |known| known.as_str().into()))
        }
        (LogField::Status, Literal::Text(text)) => {
            LogValue::Text(LogStatus::parse(text).map_or_else(|| text.clone(), |known| known.as_str().into()))
        }
        (_, Literal::Text(text)) => LogValue::Text(text.clone()),
        (_, Literal::Boolean(flag)) => return Err(bad_value(&flag.to_string())),
    })
}

fn bad_value(text: &str) -> ApiError {
    let shown: String = text.chars().take(60).collect();
    ApiError::bad_request("Invalid filter clause").with_detail(
        "Filter",
        Some("$filter".into()),
        format!("`{shown}` cannot be compared with this property"),
    )
}

fn folded(text: &str, fold: Option<ODataFold>) -> String {
    match fold {
        None => text.to_owned(),
        Some(ODataFold::Lower) => text.to_lowercase(),
        Some(ODataFold::Upper) => text.to_uppercase(),
    }
}

fn compare_constant(constant: &str, fold: Option<ODataFold>, operator: Operator, value: &Literal) -> bool {
    let Literal::Text(value) = value else { return operator == Operator::Ne };
    let ordering = folded(constant, fold).as_str().cmp(value.as_str());
    match operator {
        Operator::Eq => ordering.is_eq(),
        Operator::Ne => ordering.is_ne(),
        Operator::Gt => ordering.is_gt(),
        Operator::Ge => ordering.is_ge(),
        Operator::Lt => ordering.is_lt(),
        Operator::Le => ordering.is_le(),
    }
}

fn text_constant(constant: &str, fold: Option<ODataFold>, function: ODataText, value: &str) -> bool {
    let constant = folded(constant, fold);
    match function {
        ODataText::Contains => constant.contains(value),
        ODataText::StartsWith => constant.starts_with(value),
        ODataText::EndsWith => constant.ends_with(value),
    }
}

/// `$orderby`: `activityDateTime` or `durationInMilliseconds`; newest first when nothing is asked.
pub fn order(keys: &[Order]) -> Result<LogOrder, ApiError> {
    let Some(first) = keys.first() else { return Ok(LogOrder::NewestFirst) };
    match (first.path.to_ascii_lowercase().as_str(), first.descending) {
        ("activitydatetime", true) => Ok(LogOrder::NewestFirst),
        ("activitydatetime", false) => Ok(LogOrder::OldestFirst),
        ("durationinmilliseconds", true) => Ok(LogOrder::LongestFirst),
        ("durationinmilliseconds", false) => Ok(LogOrder::ShortestFirst),
        _ => Err(ApiError::bad_request("Invalid orderby clause").with_detail(
            "OrderBy",
            Some("$orderby".into()),
            "the log is ordered by activityDateTime or durationInMilliseconds",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(text: &str) -> Result<LogFilter, ApiError> {
        filter(&Filter::parse(text).expect(text), "5d0c9f3e-8a47-4b0d-9a52-2f6f3d1c7e10")
    }

    #[test]
    fn names_are_read_in_any_case_and_enumerations_in_either_spelling() {
        let status = |text: &str| LogFilter::equals(LogField::Status, text);
        assert_eq!(translated("statusInfo/status eq 'Failure'"), Ok(status("failure")));
        assert_eq!(translated("PROVISIONINGSTATUSINFO/STATUS eq 'failure'"), Ok(status("failure")));
        assert_eq!(
            translated("action eq 'StagedDelete'"),
            Ok(LogFilter::equals(LogField::Action, "stagedDelete"))
        );
        assert_eq!(translated("jobid eq 'X'"), Ok(LogFilter::equals(LogField::JobId, "X")));
    }

    #[test]
    fn constants_are_decided_here() {
        assert_eq!(translated("sourceSystem/displayName eq 'API'"), Ok(LogFilter::Constant(true)));
        assert_eq!(
            translated("contains(tolower(initiatedBy/displayName),'azure')"),
            Ok(LogFilter::Constant(true))
        );
        assert_eq!(
            translated("tenantId ne '5d0c9f3e-8a47-4b0d-9a52-2f6f3d1c7e10'"),
            Ok(LogFilter::Constant(false))
        );
    }

    #[test]
    fn unknown_properties_and_values_are_refused() {
        for text in ["modifiedProperties eq 'x'", "jobId eq true", "activityDateTime ge 'yesterday'"] {
            assert_eq!(translated(text).expect_err(text).message, "Invalid filter clause");
        }
    }
}
