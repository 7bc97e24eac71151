"""dbt as a part of the graph: parsed once for each state of the project, run inside the run."""
