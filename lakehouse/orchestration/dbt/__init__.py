"""dbt in the graph: parsed once for each state of the project, executed inside the run."""
