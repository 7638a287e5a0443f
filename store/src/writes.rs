//! Sending a write: which of the SDK's calls carries it, alone or in a transaction? Always asks for the row back if
//! refused.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{ConditionCheck, ConsumedCapacity, Delete, Put, TransactWriteItem, Update};

use crate::expressions::{WriteAction, WriteExpression};
use crate::verdict::{Verdict, verdict};

/// Sends one write by itself.
pub(crate) async fn alone(
    client: &Client,
    table: &str,
    said: WriteExpression,
) -> Result<Option<ConsumedCapacity>, Verdict> {
    let WriteExpression { action, condition, terms } = said;
    let returned = condition.is_some().then_some(AllOld);
    let (names, values) = (terms.names(), terms.values());
    match action {
        WriteAction::Put(item) => {
            let call = client.put_item().table_name(table).set_item(Some(item)).set_condition_expression(condition);
            let call = call.set_expression_attribute_names(names).set_expression_attribute_values(values);
            let call = call.set_return_values_on_condition_check_failure(returned).return_consumed_capacity(Total);
            call.send().await.map(|done| done.consumed_capacity).map_err(|e| verdict(&e))
        }
        WriteAction::Update(key, update) => {
            let call = client.update_item().table_name(table).set_key(Some(key)).update_expression(update);
            let call = call.set_condition_expression(condition);
            let call = call.set_expression_attribute_names(names).set_expression_attribute_values(values);
            let call = call.set_return_values_on_condition_check_failure(returned).return_consumed_capacity(Total);
            call.send().await.map(|done| done.consumed_capacity).map_err(|e| verdict(&e))
        }
        WriteAction::Check(_) => Err(Verdict::Rejected("a check is part of a transaction".into())),
        WriteAction::Delete(key) => {
            let call = client.delete_item().table_name(table).set_key(Some(key)).set_condition_expression(condition);
            let call = call.set_expression_attribute_names(names).set_expression_attribute_values(values);
            let call = call.set_return_values_on_condition_check_failure(returned).return_consumed_capacity(Total);
            call.send().await.map(|done| done.consumed_capacity).map_err(|e| verdict(&e))
        }
    }
}

/// One write as part of a transaction.
pub(crate) fn together(table: &str, said: WriteExpression) -> Result<TransactWriteItem, BuildError> {
    let WriteExpression { action, condition, terms } = said;
    let returned = condition.is_some().then_some(AllOld);
    let (names, values) = (terms.names(), terms.values());
    let item = TransactWriteItem::builder();
    Ok(match action {
        WriteAction::Put(row) => {
            let put = Put::builder().table_name(table).set_item(Some(row)).set_condition_expression(condition);
            let put = put.set_expression_attribute_names(names).set_expression_attribute_values(values);
            item.put(put.set_return_values_on_condition_check_failure(returned).build()?)
        }
        WriteAction::Update(key, update) => {
            let change = Update::builder().table_name(table).set_key(Some(key)).update_expression(update);
            let change = change.set_condition_expression(condition);
            let change = change.set_expression_attribute_names(names).set_expression_attribute_values(values);
            item.update(change.set_return_values_on_condition_check_failure(returned).build()?)
        }
        WriteAction::Check(key) => {
            // Its condition is what it is for: there always is one.
            let check = ConditionCheck::builder().table_name(table).set_key(Some(key));
            let check = check.condition_expression(condition.unwrap_or_default());
            let check = check.set_expression_attribute_names(names).set_expression_attribute_values(values);
            item.condition_check(check.set_return_values_on_condition_check_failure(returned).build()?)
        }
        WriteAction::Delete(key) => {
            let delete = Delete::builder().table_name(table).set_key(Some(key)).set_condition_expression(condition);
            let delete = delete.set_expression_attribute_names(names).set_expression_attribute_values(values);
            item.delete(delete.set_return_values_on_condition_check_failure(returned).build()?)
        }
    }
    .build())
}
