resource "aws_lb" "main" {
  name                       = local.short_name
  load_balancer_type         = "application"
  internal                   = true
  subnets                    = [for subnet in aws_subnet.private : subnet.id]
  security_groups            = [aws_security_group.alb.id]
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_deletion_protection = local.protected

  access_logs {
    bucket  = aws_s3_bucket.logs.id
    prefix  = "alb"
    enabled = true
  }

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_lb_target_group" "app" {
  for_each = toset(["canary", "stable"])

  name                 = "${local.short_name}-${each.key}"
  target_type          = "ip"
  protocol             = local.container_protocol
  port                 = local.container_port
  vpc_id               = aws_vpc.main.id
  deregistration_delay = "60"

  health_check {
    protocol            = local.container_protocol
    path                = local.health_check_path
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

# How many percent of the requests the canary gets. It moves only with a commit:
# the profile says which steps there are, canary_step says which one is reached.
locals {
  canary_traffic = 0
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = "arn:aws:acm:eu-central-1:444444444444:certificate/c28a6a91-0000-4000-8000-000000000000"

  routing_http_response_strict_transport_security_header_value = "max-age=31536000"

  default_action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.app["stable"].arn
        weight = 100 - local.canary_traffic
      }

      target_group {
        arn    = aws_lb_target_group.app["canary"].arn
        weight = local.canary_traffic
      }

      # A client stays with the version that it met first.
      stickiness {
        enabled  = true
        duration = 600
      }
    }
  }
}

resource "aws_ecs_cluster" "main" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/ecs/${local.name}"
  retention_in_days = local.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

# The execution role belongs to the ECS agent: it pulls the image and writes the
# log. The managed policy is used because asking ECR for a login token cannot be
# limited to a resource.
resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  assume_role_policy = local.ecs_tasks_trust
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

# The task role belongs to the code in the container.
resource "aws_iam_role" "task" {
  name               = "${local.name}-task"
  assume_role_policy = local.ecs_tasks_trust
}

# RDS changes the password every week, so the code reads it when it connects; a
# copy made when the container starts would grow stale.
resource "aws_iam_role_policy" "database_secret" {
  name = "read-database-secret"
  role = aws_iam_role.task.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = local.database_secret_arn
      },
      {
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = local.data_key_arn
      },
    ]
  })
}

locals {
  # The condition keeps ECS in another account from using the role.
  ecs_tasks_trust = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "ecs-tasks.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      },
    ]
  })

  # Fargate allows only certain pairs of CPU and memory.
  task_sizes = {
    small  = { cpu = 256, memory = 512 }
    medium = { cpu = 512, memory = 1024 }
    large  = { cpu = 1024, memory = 2048 }
  }
  task_size = local.task_sizes[local.size]
}

# One entry for each version that runs. The canary gets as many tasks as its share
# of the traffic needs.
locals {
  desired_count = 3
  max_count     = 9

  versions = {
    stable = {
      image = "444444444444.dkr.ecr.eu-central-1.amazonaws.com/platform/identity@sha256:689f6a627384c7dcb2dcc1487e540223e77bdf9dcd0d8be8a326eda65b0ce9a4"
      count = local.desired_count
    }
  }

  environment_variables = {}
}

# The root file system is read-only: what breaks in cannot install anything. The
# database's password is in no file and no plan: the container gets only the name
# of the secret.
resource "aws_ecs_task_definition" "app" {
  for_each = local.versions

  family                   = "${local.name}-${each.key}"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = local.task_size.cpu
  memory                   = local.task_size.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  container_definitions = jsonencode([
    {
      name                   = "app"
      image                  = each.value.image
      essential              = true
      readonlyRootFilesystem = true
      portMappings = [
        { containerPort = local.container_port, protocol = "tcp" },
      ]
      environment = [
        for key, value in merge(local.environment_variables, {
          DATABASE_HOST        = aws_rds_cluster.main.endpoint
          DATABASE_NAME        = aws_rds_cluster.main.database_name
          DATABASE_READER_HOST = aws_rds_cluster.main.reader_endpoint
          DATABASE_SECRET_ARN  = local.database_secret_arn
          DATABASE_SSL_MODE    = "require"
          RELEASE              = each.key
          STAGE                = local.stage
        }) : { name = key, value = value }
      ]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.app.name
          awslogs-region        = local.region
          awslogs-stream-prefix = each.key
        }
      }
    },
  ])
}

resource "aws_ecs_service" "app" {
  for_each = local.versions

  name                              = "${local.name}-${each.key}"
  cluster                           = aws_ecs_cluster.main.arn
  task_definition                   = aws_ecs_task_definition.app[each.key].arn
  desired_count                     = each.value.count
  launch_type                       = "FARGATE"
  platform_version                  = "LATEST"
  availability_zone_rebalancing     = "ENABLED"
  propagate_tags                    = "SERVICE"
  enable_ecs_managed_tags           = true
  enable_execute_command            = false
  health_check_grace_period_seconds = 60

  network_configuration {
    subnets          = [for subnet in aws_subnet.private : subnet.id]
    security_groups  = [aws_security_group.app.id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.app[each.key].arn
    container_name   = "app"
    container_port   = local.container_port
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # Autoscaling says how many tasks run.
  lifecycle {
    ignore_changes = [desired_count]
  }

  # Without the endpoints a task can neither pull its image nor write its log.
  depends_on = [
    aws_iam_role_policy.database_secret,
    aws_iam_role_policy_attachment.execution,
    aws_lb_listener.https,
    aws_vpc_endpoint.gateway,
    aws_vpc_endpoint.interface,
  ]
}

resource "aws_appautoscaling_target" "app" {
  for_each = local.versions

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.app[each.key].name}"
  min_capacity       = each.value.count
  max_capacity       = local.max_count
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each = local.versions

  name               = "${local.name}-${each.key}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.app[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.app[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.app[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
