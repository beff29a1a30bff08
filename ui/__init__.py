"""The Streamlit page; it speaks to the HTTP API alone."""
