output "load_balancer_dns_name" {
  description = "The internal load balancer's name; private DNS points to it"
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
  description = "ECS services by version: stable, and canary while one is on trial"
  value       = join(" ", [for service in aws_ecs_service.app : service.name])
}

output "database_endpoint" {
  description = "Where the database takes writes"
  value       = aws_rds_cluster.main.endpoint
}

output "database_secret_arn" {
  description = "Where the database's password is kept"
  value       = local.database_secret_arn
}
