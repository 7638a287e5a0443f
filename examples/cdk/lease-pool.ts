// One pool's lease manager on the shared table: what does it need, and what may it do?
// As terraform/pool makes it; README.md says what is left out.

import { existsSync } from "node:fs";
import { Arn, ArnFormat, Duration, Stack } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as events from "aws-cdk-lib/aws-events";
import * as targets from "aws-cdk-lib/aws-events-targets";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

export interface LeasePoolProps {
  readonly table: dynamodb.ITable;
  /** The pool's name, which `leasehold pool set` makes. */
  readonly poolName: string;
  /** What `make lambda` made. */
  readonly lambdaPackage: string;
  /** The processor that it was built for. */
  readonly architecture: lambda.Architecture;
  /** The pool's limit, for its alarm only: `leasehold pool set --limit` sets it. */
  readonly limit: number;
  /**
   * Names of the state machines whose executions ask for leases here. Names and not the machines: they are made of the
   * lease manager, so it can not wait for them.
   */
  readonly stateMachineNames: string[];
}

export class LeasePool extends Construct {
  readonly leaseManager: lambda.Function;
  readonly alarms: cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: LeasePoolProps) {
    super(scope, id);
    if (!existsSync(props.lambdaPackage)) {
      console.error(`There is no lease manager at ${props.lambdaPackage}: run \`make lambda\`, or give --context package=PATH`);
      process.exit(1);
    }
    const stack = Stack.of(this);
    const name = `${props.poolName}-lease-manager`;
    const logGroup = new logs.LogGroup(this, "Log", {
      logGroupName: `/aws/lambda/${name}`,
      retention: logs.RetentionDays.TWO_WEEKS,
    });
    // Its own role: the one that CDK makes may write to any log group.
    const role = new iam.Role(this, "Role", {
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
      description: `The lease manager of the pool ${props.poolName}`,
    });
    logGroup.grantWrite(role);
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: "OwnRows",
        actions: ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
        resources: [props.table.tableArn],
        conditions: {
          "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [`LEASES#${props.poolName}`] },
          // ForAllValues is true of a request that names no key at all.
          Null: { "dynamodb:LeadingKeys": "false" },
        },
      }),
    );
    // A task is named by its token alone: IAM has no resource type for these two actions.
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: "TellWaiters",
        actions: ["states:SendTaskSuccess", "states:SendTaskFailure"],
        resources: ["*"],
      }),
    );
    const states = (resource: string, resourceName: string) =>
      Arn.format({ service: "states", resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME }, stack);
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: "OwnExecutions",
        actions: ["states:DescribeExecution"],
        // Those of the machine, and those of its map runs.
        resources: props.stateMachineNames.flatMap((machine) => [
          states("execution", `${machine}:*`),
          states("execution", `${machine}/*:*`),
        ]),
      }),
    );
    // Asks for many at once: a machine's executions, and the items of a map run.
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: "OwnExecutionLists",
        actions: ["states:ListExecutions"],
        resources: props.stateMachineNames.flatMap((machine) => [
          states("stateMachine", machine),
          states("mapRun", `${machine}/*:*`),
        ]),
      }),
    );

    this.leaseManager = new lambda.Function(this, "Function", {
      functionName: name,
      description: `Grants the leases of the pool ${props.poolName}`,
      code: lambda.Code.fromAsset(props.lambdaPackage),
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: "bootstrap",
      architecture: props.architecture,
      memorySize: 256,
      // The pool's quiet period is at least this and 5 s of caching: 35 s, the default of `leasehold pool set`.
      timeout: Duration.seconds(30),
      role,
      logGroup,
      // It writes its own JSON lines; Lambda is not to wrap them.
      loggingFormat: lambda.LoggingFormat.TEXT,
      environment: { LEASE_TABLE_NAME: props.table.tableName, LEASE_PREFIX: props.poolName },
    });

    new events.Rule(this, "Sweep", {
      description: `Puts the pool ${props.poolName} in order`,
      schedule: events.Schedule.rate(Duration.minutes(1)),
      targets: [
        new targets.LambdaFunction(this.leaseManager, {
          event: events.RuleTargetInput.fromObject({ action: "sweep" }),
          maxEventAge: Duration.minutes(1),
          retryAttempts: 0,
        }),
      ],
    });
    new events.Rule(this, "Ended", {
      description: `Frees the leases and places of ended executions at once in the pool ${props.poolName}`,
      eventPattern: {
        source: ["aws.states"],
        detailType: ["Step Functions Execution Status Change"],
        detail: {
          status: ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"],
          stateMachineArn: props.stateMachineNames.map((machine) => states("stateMachine", machine)),
        },
      },
      targets: [new targets.LambdaFunction(this.leaseManager)],
    });

    // docs/guide/runbook.md says what to do about each.
    const own = (metricName: string) =>
      new cloudwatch.Metric({
        namespace: "leasehold",
        metricName,
        dimensionsMap: { service: "lease-manager", prefix: props.poolName },
        statistic: "Maximum",
        period: Duration.minutes(1),
      });
    const alarm = (alarmId: string, description: string, metric: cloudwatch.Metric, threshold: number) =>
      metric.createAlarm(this, alarmId, {
        alarmName: `${props.poolName}-lease-${alarmId}`,
        alarmDescription: description,
        threshold,
        evaluationPeriods: 1,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      });
    this.alarms = [
      alarm("over-limit", "More leases are held than the limit", own("Held"), props.limit),
      alarm("oldest-waiter", "Somebody has waited for an hour", own("OldestWait"), 3_600_000),
      alarm("failed-calls", "Calls of the lease manager failed", this.leaseManager.metricErrors(), 0),
    ];
  }
}
