# What may the lease manager do? Nothing outside its own partition of the table, its own logs, and its own workflows.
#
# The policies as texts; role.tf gives them to the role, and outputs.tf to whoever brings a role.

locals {
  own_rows = {
    Sid      = "OwnRows"
    Effect   = "Allow"
    Action   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
    Resource = var.table_arn
    Condition = {
      "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [local.partition_key] }
      # ForAllValues is true of a request that names no key at all.
      Null = { "dynamodb:LeadingKeys" = "false" }
    }
  }

  # A task is named by its token alone: IAM has no resource type for these two actions.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
  tell_waiters = {
    Sid      = "TellWaiters"
    Effect   = "Allow"
    Action   = ["states:SendTaskSuccess", "states:SendTaskFailure"]
    Resource = "*"
  }

  own_logs = [for group in aws_cloudwatch_log_group.lease_manager : {
    Sid      = "OwnLogs"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = "${group.arn}:*"
  }]

  # X-Ray has no resource type for these either.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
  traces = var.lambdas_tracing_enabled ? [{
    Sid      = "Traces"
    Effect   = "Allow"
    Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    Resource = "*"
  }] : []

  # As services call themselves towards KMS: by the partition's own suffix (China, European Sovereign Cloud) or by the common
  # one. Either way it is the same service, so naming both lets nobody else in.
  via = {
    for service in ["dynamodb", "states"] :
    service => distinct(["${service}.${coalesce(local.region, "none")}.amazonaws.com", "${service}.${coalesce(local.region, "none")}.${coalesce(local.dns_suffix, "none")}"])
  }

  # What DynamoDB asks of whoever uses a table under a customer's key; it made its grant when the table was made.
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
  table_key = var.table_kms_key_arn == null ? [] : [{
    Sid       = "TableKey"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    Resource  = var.table_kms_key_arn
    Condition = { StringEquals = { "kms:ViaService" = local.via.dynamodb } }
  }]

  # Step Functions encrypts the output of SendTaskSuccess, the error of SendTaskFailure, and decrypts for DescribeExecution,
  # with the permissions of whoever calls.
  # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
  state_machine_keys = length(var.state_machine_kms_key_arns) == 0 ? [] : [{
    Sid       = "StateMachineKeys"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = var.state_machine_kms_key_arns
    Condition = { StringEquals = { "kms:ViaService" = local.via.states } }
  }]

  # Lambda reads the function's environment with the function's role.
  environment_key = var.kms_key_arn == null ? [] : [{
    Sid      = "EnvironmentKey"
    Effect   = "Allow"
    Action   = "kms:Decrypt"
    Resource = var.kms_key_arn
  }]

  dead_letters = var.dead_letter_queue_arn == null ? [] : [{
    Sid      = "DeadLetters"
    Effect   = "Allow"
    Action   = "sqs:SendMessage"
    Resource = var.dead_letter_queue_arn
  }]

  # Lambda puts the function into the VPC with the function's role, and says which resources beforehand to nobody. The
  # function's own code may not, though it has the same role.
  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
  in_vpc = length(var.vpc_subnet_ids == null ? [] : var.vpc_subnet_ids) > 0
  network = [for statement in [
    {
      Sid      = "Network"
      Effect   = "Allow"
      Action   = local.network_actions
      Resource = "*"
    },
    {
      Sid      = "NotByTheCodeItself"
      Effect   = "Deny"
      Action   = local.network_actions
      Resource = "*"
      Condition = {
        ArnEquals = {
          "lambda:SourceFunctionArn" = "arn:${coalesce(local.partition, "aws")}:lambda:${local.table_region}:${local.table_account}:function:${local.function_name}"
        }
      }
    },
  ] : statement if local.in_vpc]
  network_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]

  optional_statements = concat(
    local.traces, local.table_key, local.state_machine_keys, local.environment_key, local.dead_letters, local.network,
  )

  lease_manager_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.own_rows], [local.tell_waiters], local.own_logs, local.optional_statements)
  })

  # IAM takes so many characters in all inline policies of a role together, white space apart, of which there is none here.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  most_policy_characters = 10240
  # Known while planning: the ARN of the log group, which is not, makes less than 350.
  lease_manager_policy_characters = 350 + length(jsonencode(concat([local.own_rows], [local.tell_waiters], local.optional_statements)))

  # stateMachine:NAME has executions execution:NAME:ID, map runs mapRun:NAME/LABEL:ID and their children execution:NAME/LABEL:ID.
  # One is asked after by itself, many in the list of those that run, which is of a state machine or of a map run.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
  executions_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "OwnExecutions"
        Effect = "Allow"
        Action = "states:DescribeExecution"
        Resource = flatten([for arn in local.state_machine_arns : [
          "${replace(arn, ":stateMachine:", ":execution:")}:*",
          "${replace(arn, ":stateMachine:", ":execution:")}/*:*",
        ]])
      },
      {
        Sid    = "OwnExecutionsTogether"
        Effect = "Allow"
        Action = "states:ListExecutions"
        Resource = flatten([for arn in local.state_machine_arns : [
          arn,
          "${replace(arn, ":stateMachine:", ":mapRun:")}/*:*",
        ]])
      },
    ]
  })
}
