# What does whoever runs the pool see of it? Held against the limit, who waits and for how long, and what goes wrong.

locals {
  # The metrics of one part of the dashboard, each [name, options]: written out in full, as CloudWatch takes them.
  own_dimensions    = ["service", local.own_metrics.service, "prefix", local.own_metrics.prefix]
  lambda_dimensions = ["FunctionName", local.function_name]

  dashboard_widgets = [
    {
      title = "Leases held, against the limit"
      metrics = [
        ["Held", { stat = "Maximum", label = "held" }],
      ]
      # An operator's override is not known here.
      limit = var.max_concurrent_leases
    },
    {
      title = "Waiting (counted up to 100)"
      metrics = [
        ["Waiting", { stat = "Maximum", label = "waiting" }],
      ]
    },
    {
      title = "The oldest wait (ms)"
      metrics = [
        ["OldestWait", { stat = "Maximum", label = "oldest wait" }],
      ]
    },
    {
      title = "From joining the queue to the lease (ms)"
      metrics = [
        ["WaitTime", { stat = "p50", label = "p50" }],
        ["WaitTime", { stat = "p99", label = "p99" }],
      ]
    },
    {
      title = "From the lease to its release (ms)"
      metrics = [
        ["HoldTime", { stat = "p50", label = "p50" }],
        ["HoldTime", { stat = "p99", label = "p99" }],
      ]
    },
    {
      title = "Leases"
      metrics = [for name in ["LeaseGranted", "LeaseReleased", "LeaseReclaimed"] :
        [name, { stat = "Sum", label = name }]
      ]
    },
    {
      title = "What goes wrong"
      metrics = [for name in ["Errors", "WorkOutlastedLease", "ExtensionsMissed", "NoticeRefused", "WaitsForAncestor", "LeaseLost", "WaiterGone"] :
        [name, { stat = "Sum", label = name }]
      ]
    },
    {
      title  = "The lease manager's calls"
      lambda = true
      metrics = [
        ["Invocations", { stat = "Sum", label = "calls" }],
        ["Errors", { stat = "Sum", label = "failed" }],
        ["Throttles", { stat = "Sum", label = "refused by Lambda" }],
        ["Duration", { stat = "p99", label = "p99 (ms)", yAxis = "right" }],
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.create && var.create_dashboard ? 1 : 0

  region = var.region

  dashboard_name = "${var.name_prefix}-lease-pool"

  # Two in a row; CloudWatch's grid has 24 columns.
  dashboard_body = jsonencode({
    widgets = [for index, widget in local.dashboard_widgets : {
      type   = "metric"
      x      = 12 * (index % 2)
      y      = 6 * floor(index / 2)
      width  = 12
      height = 6
      properties = merge(
        {
          title  = widget.title
          region = local.region
          period = 60
          metrics = [for metric in widget.metrics : concat(
            [can(widget.lambda) ? "AWS/Lambda" : var.metrics_namespace, metric[0]],
            can(widget.lambda) ? local.lambda_dimensions : local.own_dimensions,
            [metric[1]],
          )]
          yAxis = { left = { min = 0 } }
        },
        can(widget.limit) ? { annotations = { horizontal = [{ label = "limit", value = widget.limit }] } } : {},
      )
    }]
  })
}
