"""The application that this repository deploys: what a team edits."""
