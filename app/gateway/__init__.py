"""Plain HTTP around the pages: sign-in, the guard, uploads and video files. Knows no Streamlit."""
