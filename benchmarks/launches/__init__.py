"""`make load`: many launches at once, through two service processes on one PostgreSQL, while the EHRs fail.

Two hospitals use the same patient ids.  Each browser opens two charts and reads both at both processes in turn;
every answer must speak of the launch's own patient alone, or be an error page with a code of ours.
"""
