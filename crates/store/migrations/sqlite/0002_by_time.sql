-- What is older than it is to be kept is looked for every hour: not by reading everything that is kept.
CREATE INDEX event_by_time ON event (at);
CREATE INDEX on_demand_by_time ON on_demand (created_at);
