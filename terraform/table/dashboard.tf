# What does whoever runs the table see of it? All pools side by side, what the table does for them, and what that costs.

data "aws_region" "this" {
  count  = var.create && var.create_dashboard ? 1 : 0
  region = var.region
}

locals {
  dashboard_region = one(data.aws_region.this[*].id)

  # The metrics that the lease managers write, of every pool that writes under this namespace here.
  of_each_pool = {
    for metric, statistic in { Held = "Maximum", Waiting = "Maximum", OldestWait = "Maximum", Errors = "Sum" } :
    metric => "SEARCH('{\"${var.metrics_namespace}\",service,prefix} service=\"lease-manager\" MetricName=\"${metric}\"', '${statistic}', 60)"
  }

  # On demand, each unit that was consumed is paid for; the index's are counted apart from the table's.
  dashboard_units = [
    for unit, count in { read = "ConsumedReadCapacityUnits", write = "ConsumedWriteCapacityUnits" } : [
      ["AWS/DynamoDB", count, "TableName", var.name, { id = "${unit}_table", label = "${unit} units" }],
      [".", ".", ".", ".", "GlobalSecondaryIndexName", "directory", { id = "${unit}_index", label = "${unit} units of the index" }],
    ]
  ]

  dashboard_widgets = [
    {
      title   = "Leases held, by pool"
      metrics = [[{ expression = local.of_each_pool.Held, label = "$${PROP('Dim.prefix')}" }]]
    },
    {
      title   = "Waiting, by pool (counted up to 100)"
      metrics = [[{ expression = local.of_each_pool.Waiting, label = "$${PROP('Dim.prefix')}" }]]
    },
    {
      title   = "The oldest wait, by pool (ms)"
      metrics = [[{ expression = local.of_each_pool.OldestWait, label = "$${PROP('Dim.prefix')}" }]]
    },
    {
      title   = "Calls of lease managers that failed, by pool"
      metrics = [[{ expression = local.of_each_pool.Errors, label = "$${PROP('Dim.prefix')}" }]]
    },
    {
      title   = "Units consumed"
      metrics = concat(local.dashboard_units...)
    },
    {
      title = "Cost of the units, in dollars an hour"
      metrics = concat(
        [[{
          id         = "cost"
          label      = "dollars an hour"
          period     = 3600
          expression = "(FILL(read_table, 0) + FILL(read_index, 0)) * ${var.dashboard_prices.million_reads} / 1000000 + (FILL(write_table, 0) + FILL(write_index, 0)) * ${var.dashboard_prices.million_writes} / 1000000"
        }]],
        # What the expression is made of, not drawn.
        [for metric in concat(local.dashboard_units...) : concat(
          slice(metric, 0, length(metric) - 1),
          [merge(metric[length(metric) - 1], { visible = false, period = 3600 })],
        )],
      )
    },
    {
      title = "Refused: the table was too busy, or two wrote at once"
      metrics = [
        ["AWS/DynamoDB", "ReadThrottleEvents", "TableName", var.name],
        [".", "WriteThrottleEvents", ".", "."],
        [".", "TransactionConflict", ".", "."],
      ]
    },
    {
      title = "How long requests take (ms, p99)"
      stat  = "p99"
      metrics = [
        for operation in ["Query", "TransactWriteItems", "UpdateItem", "GetItem"] :
        ["AWS/DynamoDB", "SuccessfulRequestLatency", "TableName", var.name, "Operation", operation]
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.create && var.create_dashboard ? 1 : 0

  region = var.region

  # A table's name may have dots in it, a dashboard's may not.
  dashboard_name = coalesce(var.dashboard_name, replace(var.name, ".", "-"))

  # Two in a row; CloudWatch's grid has 24 columns.
  dashboard_body = jsonencode({
    widgets = [for index, widget in local.dashboard_widgets : {
      type   = "metric"
      x      = 12 * (index % 2)
      y      = 6 * floor(index / 2)
      width  = 12
      height = 6
      properties = {
        title   = widget.title
        region  = local.dashboard_region
        stat    = lookup(widget, "stat", "Sum")
        period  = 60
        metrics = widget.metrics
        yAxis   = { left = { min = 0 } }
      }
    }]
  })
}
