"""Files as publishers and annotation tools write them. numpy only."""
