"""One page a module: `show()` draws it. (A folder named `pages` would be Streamlit's own, older kind.)"""
