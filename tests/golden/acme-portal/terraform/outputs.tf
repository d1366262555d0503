output "service_url" {
  description = "Where users reach the service"
  value       = "https://${local.domain_name}"
}

output "load_balancer_dns_name" {
  description = "The load balancer's own name; DNS of the service points to it"
  value       = aws_lb.main.dns_name
}

output "alarm_prefix" {
  description = "All alarms of this environment begin with it"
  value       = "${local.name}/"
}

output "cluster_name" {
  description = "ECS cluster of the service"
  value       = aws_ecs_cluster.main.name
}

output "service_names" {
  description = "ECS service in the cluster"
  value       = aws_ecs_service.app.name
}

output "task_definition_arn" {
  description = "The revision that this commit asks for"
  value       = aws_ecs_task_definition.app.arn
}

output "database_secret_arn" {
  description = "Where the database's password is kept"
  value       = local.database_secret_arn
}

output "codedeploy_app" {
  description = "CodeDeploy application and deployment group"
  value       = aws_codedeploy_deployment_group.main.app_name
}

# The release job hands this to CodeDeploy as it is.
output "codedeploy_revision" {
  description = "The revision to release: which task definition goes behind which port"
  value = jsonencode({
    revisionType = "AppSpecContent"
    appSpecContent = {
      content = jsonencode({
        version = 0.0
        Resources = [
          {
            TargetService = {
              Type = "AWS::ECS::Service"
              Properties = {
                TaskDefinition   = aws_ecs_task_definition.app.arn
                LoadBalancerInfo = { ContainerName = "app", ContainerPort = local.container_port }
              }
            }
          },
        ]
      })
    }
  })
}
