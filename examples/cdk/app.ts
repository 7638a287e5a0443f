// A shared table, a pool on it, and a workflow that works on a list of items, each under a lease: what does the app make?

import { join } from "node:path";
import { App, CfnOutput, RemovalPolicy, Stack } from "aws-cdk-lib";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as sfn from "aws-cdk-lib/aws-stepfunctions";
import { LeasePool } from "./lease-pool";
import { leased } from "./lease-states";

const here = join(__dirname, "..");
const app = new App();
const stack = new Stack(app, "LeaseholdExample");

// What all pools share. A second pool's stack refers to it: dynamodb.Table.fromTableName.
const table = new dynamodb.Table(stack, "Table", {
  tableName: "regional-concurrency-leases",
  partitionKey: { name: "PK", type: dynamodb.AttributeType.STRING },
  sortKey: { name: "SK", type: dynamodb.AttributeType.STRING },
  billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
  timeToLiveAttribute: "ttl",
  deletionProtection: true,
  removalPolicy: RemovalPolicy.RETAIN,
});
// Only the settings, an override and the summary of each pool are in it: one query lists all pools.
table.addGlobalSecondaryIndex({
  indexName: "directory",
  partitionKey: { name: "directory", type: dynamodb.AttributeType.STRING },
  sortKey: { name: "directory_row", type: dynamodb.AttributeType.STRING },
});

const pool = new LeasePool(stack, "Pool", {
  table,
  poolName: "analytics",
  limit: 15,
  lambdaPackage: app.node.tryGetContext("package") ?? join(here, "../../target/lambda/lease-manager/bootstrap.zip"),
  architecture: app.node.tryGetContext("arm64") ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
  stateMachineNames: ["analytics-items"],
});

// The iterations of an inline Map share their execution's id, so each has a key: the item's id.
const definition = {
  Comment: "Works on each item of $.items while it holds a lease of the pool analytics",
  StartAt: "Items",
  States: {
    Items: {
      Type: "Map",
      ItemsPath: "$.items",
      ItemProcessor: {
        ProcessorConfig: { Mode: "INLINE" },
        ...leased(join(here, "states.json"), pool.leaseManager.functionArn, {
          Type: "Parallel",
          Comment: "The work: here it waits for five seconds",
          Branches: [{ StartAt: "Work", States: { Work: { Type: "Wait", Seconds: 5, End: true } } }],
          ResultPath: null,
        }),
      },
      End: true,
    },
  },
};
const workflow = new sfn.StateMachine(stack, "Workflow", {
  stateMachineName: "analytics-items",
  definitionBody: sfn.DefinitionBody.fromString(stack.toJsonString(definition)),
});
pool.leaseManager.grantInvoke(workflow);

new CfnOutput(stack, "WorkflowArn", { value: workflow.stateMachineArn });
