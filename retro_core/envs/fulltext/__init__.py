"""Full-text search that ranks as Lucene does: English analysis and BM25."""
