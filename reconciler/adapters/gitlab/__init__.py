"""GitLab as a forge, through python-gitlab. Nothing else imports that."""
