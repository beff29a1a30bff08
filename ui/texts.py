"""Every text of the page, in English and Korean."""

from typing import Final, Literal

Language = Literal["en", "ko"]
LANGUAGES: Final[dict[Language, str]] = {"en": "English", "ko": "한국어"}

TEXTS: Final[dict[str, dict[Language, str]]] = {
    # Frame
    "tagline": {
        "en": "Answers from your company's documents, with their sources.",
        "ko": "회사 문서를 바탕으로, 출처와 함께 답합니다.",
    },
    "chat": {"en": "Chat", "ko": "채팅"},
    "documents": {"en": "Documents", "ko": "문서"},
    "dashboard": {"en": "Dashboard", "ko": "대시보드"},
    "people": {"en": "People", "ko": "사용자"},
    "budgets": {"en": "Budgets", "ko": "예산"},
    "language": {"en": "Language", "ko": "언어"},
    "sign_out": {"en": "Sign out", "ko": "로그아웃"},
    "more": {"en": "Show more", "ko": "더 보기"},
    "delete": {"en": "Delete", "ko": "삭제"},
    "save": {"en": "Save", "ko": "저장"},
    "create": {"en": "Create", "ko": "만들기"},
    "name": {"en": "Name", "ko": "이름"},
    "everyone": {"en": "Everyone", "ko": "모든 사용자"},
    "groups": {"en": "Groups", "ko": "그룹"},
    "group_count": {"en": "Groups: {count}", "ko": "그룹 {count}개"},
    "unknown_group": {"en": "Deleted group", "ko": "삭제된 그룹"},
    # Signing in
    "sign_in": {"en": "Sign in", "ko": "로그인"},
    "sign_up": {"en": "Sign up", "ko": "회원가입"},
    "email": {"en": "Email", "ko": "이메일"},
    "password": {"en": "Password", "ko": "비밀번호"},
    "password_help": {"en": "At least 8 characters.", "ko": "8자 이상 입력하세요."},
    "first_user": {
        "en": "The first person to sign up becomes the administrator.",
        "ko": "가장 먼저 가입한 사람이 관리자가 됩니다.",
    },
    "fill_in": {"en": "Please fill in every field.", "ko": "모든 항목을 입력해 주세요."},
    "signed_out": {
        "en": "Your sign-in has ended. Please sign in again.",
        "ko": "로그인이 만료되었습니다. 다시 로그인해 주세요.",
    },
    "second_factor": {
        "en": "Enter the code that your authenticator app shows, or a recovery code.",
        "ko": "인증 앱에 표시된 코드나 복구 코드를 입력하세요.",
    },
    "code": {"en": "Code", "ko": "코드"},
    "confirm_mail": {
        "en": "Nearly done: open the link in the mail that we have sent to you.",
        "ko": "거의 끝났습니다. 보내 드린 메일의 링크를 열어 주세요.",
    },
    "forgot_password": {"en": "Forgot password", "ko": "비밀번호 찾기"},
    "forgot_help": {
        "en": "If there is an account with this address, it gets a mail with a link.",
        "ko": "이 주소의 계정이 있으면 링크가 담긴 메일을 보냅니다.",
    },
    "send_link": {"en": "Send a link", "ko": "링크 보내기"},
    "link_sent": {
        "en": "If there is an account with this address, a mail is on its way.",
        "ko": "이 주소의 계정이 있으면 곧 메일이 도착합니다.",
    },
    "new_password": {"en": "New password", "ko": "새 비밀번호"},
    "link_reset": {"en": "Choose a new password.", "ko": "새 비밀번호를 정하세요."},
    "link_confirm": {
        "en": "Enter the password that you chose when you signed up.",
        "ko": "가입할 때 정한 비밀번호를 입력하세요.",
    },
    "link_invitation": {
        "en": "You are invited. Choose your name and a password.",
        "ko": "초대받으셨습니다. 이름과 비밀번호를 정하세요.",
    },
    "link_done": {"en": "Done. You can sign in now.", "ko": "완료되었습니다. 이제 로그인하세요."},
    "sign_in_by": {"en": "Sign in with {label}", "ko": "{label}(으)로 로그인"},
    "refused_account_exists": {
        "en": "There is an account with your address already. Sign in with its password.",
        "ko": "같은 주소의 계정이 이미 있습니다. 비밀번호로 로그인하세요.",
    },
    "refused_no_account": {
        "en": "You have no account here. Ask your administrator for an invitation.",
        "ko": "계정이 없습니다. 관리자에게 초대를 요청해 주세요.",
    },
    "refused_not_verified": {
        "en": "Your e-mail address is not verified there. Have it verified, then try again.",
        "ko": "메일 주소가 확인되지 않았습니다. 주소를 확인받은 뒤 다시 시도해 주세요.",
    },
    "refused_otherwise": {
        "en": "You were not let in. Try to sign in once more; if it stays, tell your administrator.",
        "ko": "로그인하지 못했습니다. 다시 시도해 보고, 계속되면 관리자에게 알려 주세요.",
    },
    "go_on": {"en": "Go on", "ko": "계속"},
    "account_pending": {
        "en": "You are signed in, but an administrator has yet to let you in.",
        "ko": "로그인되었습니다. 관리자가 승인하면 사용할 수 있습니다.",
    },
    # Budgets
    "budgets_help": {
        "en": "What may be used in a day and in a month. An empty field is no limit.",
        "ko": "하루와 한 달에 쓸 수 있는 양입니다. 빈칸은 제한 없음을 뜻합니다.",
    },
    "budget_for": {"en": "For whom", "ko": "대상"},
    "budget_default": {"en": "Everyone without a budget of their own", "ko": "개별 예산이 없는 모든 사용자"},
    "budget_platform": {"en": "The whole platform", "ko": "플랫폼 전체"},
    "budget_holder_gone": {"en": "Somebody who is gone", "ko": "삭제된 대상"},
    "budget_day": {"en": "Today", "ko": "오늘"},
    "budget_month": {"en": "This month", "ko": "이번 달"},
    "budget_tokens": {"en": "{budget}: tokens", "ko": "{budget}: 토큰"},
    "budget_cost": {"en": "{budget}: US dollars", "ko": "{budget}: 미국 달러"},
    "budget_used": {"en": "{budget}: {share} used, until {day}", "ko": "{budget}: {share} 사용, {day}까지"},
    "budget_none": {"en": "no limit", "ko": "제한 없음"},
    "delete_budget": {"en": "Delete this budget?", "ko": "이 예산을 삭제할까요?"},
    # Chat
    "new_chat": {"en": "New chat", "ko": "새 채팅"},
    "your_chats": {"en": "Your chats", "ko": "내 채팅"},
    "untitled": {"en": "Untitled chat", "ko": "제목 없는 채팅"},
    "search_chats": {"en": "Search your chats", "ko": "내 채팅 검색"},
    "no_hits": {
        "en": "No message holds all these words.",
        "ko": "이 낱말이 모두 들어 있는 메시지가 없습니다.",
    },
    "pinned": {"en": "Pinned", "ko": "고정됨"},
    "pin": {"en": "Pin", "ko": "고정"},
    "unpin": {"en": "Unpin", "ko": "고정 해제"},
    "title": {"en": "Title", "ko": "제목"},
    "export": {"en": "Download as Markdown", "ko": "Markdown으로 내려받기"},
    "chat_deleted": {"en": "Deleted: {title}", "ko": "삭제됨: {title}"},
    "undo": {"en": "Undo", "ko": "되돌리기"},
    "restore": {"en": "Restore", "ko": "복원"},
    "trash": {"en": "Trash", "ko": "휴지통"},
    "trash_help": {
        "en": "Deleted chats are kept here for a while, then erased.",
        "ko": "삭제한 채팅은 한동안 여기에 있다가 완전히 지워집니다.",
    },
    "trash_empty": {"en": "Nothing is in the trash.", "ko": "휴지통이 비어 있습니다."},
    "erase_chat": {
        "en": "Erase this chat for good?",
        "ko": "이 채팅을 완전히 지울까요?",
    },
    "share": {"en": "Share a link", "ko": "링크로 공유"},
    "share_help": {
        "en": "Colleagues who are signed in can read the chat here, as it was when it was shared.",
        "ko": "로그인한 동료는 이 링크에서 공유한 시점까지의 채팅을 읽을 수 있습니다.",
    },
    "share_again": {"en": "Share up to now", "ko": "지금까지의 내용으로 갱신"},
    "unshare": {"en": "Stop sharing", "ko": "공유 중지"},
    "shared_help": {
        "en": "Shared by a colleague on {day}. You see the sources that you may read.",
        "ko": "동료가 {day}에 공유한 채팅입니다. 출처는 읽을 권한이 있는 것만 보입니다.",
    },
    "to_your_chats": {"en": "To your chats", "ko": "내 채팅으로"},
    "temporary": {"en": "Temporary chat", "ko": "임시 채팅"},
    "temporary_help": {
        "en": "It is not listed, not searched, and erased soon after you leave it.",
        "ko": "목록과 검색에 나오지 않으며, 대화를 마치면 곧 지워집니다.",
    },
    "profile_id": {"en": "Assistant", "ko": "어시스턴트"},
    "assistant_default": {"en": "Company assistant", "ko": "기본 어시스턴트"},
    "model": {"en": "Model", "ko": "모델"},
    "model_default": {"en": "Standard model ({name})", "ko": "기본 모델 ({name})"},
    "prices": {
        "en": "Prices are in US$ for a million tokens, in / out.",
        "ko": "가격은 100만 토큰당 US$이며, 입력 / 출력 순입니다.",
    },
    "files": {"en": "Files: {count}", "ko": "파일 {count}개"},
    "files_help": {
        "en": "Only you, and only in this chat, get answers from these files.",
        "ko": "이 파일은 나만, 이 채팅에서만 답변에 쓰입니다.",
    },
    "reading_files": {"en": "Reading your files…", "ko": "파일을 읽고 있습니다…"},
    "files_slow": {
        "en": "Your files are still being read. Ask again when they are ready.",
        "ko": "아직 파일을 읽고 있습니다. 준비되면 다시 질문해 주세요.",
    },
    "ask": {"en": "Ask about your documents", "ko": "문서에 대해 물어보세요"},
    "welcome": {"en": "Hello, {name}. What would you like to know?", "ko": "{name}님, 무엇이 궁금하세요?"},
    "starter_policies": {
        "en": "What do our documents say about annual leave?",
        "ko": "연차 휴가 규정을 알려 주세요.",
    },
    "starter_expenses": {
        "en": "How do I claim travel expenses?",
        "ko": "출장비는 어떻게 신청하나요?",
    },
    "starter_security": {
        "en": "What should I do after a security incident?",
        "ko": "보안 사고가 나면 어떻게 해야 하나요?",
    },
    "searching": {"en": "Looking in your documents…", "ko": "문서를 찾아보고 있습니다…"},
    "stop": {"en": "Stop answering", "ko": "답변 중지"},
    "regenerate": {"en": "Answer again", "ko": "다시 답하기"},
    "instead_of": {"en": "instead of {name}", "ko": "{name} 대신"},
    "edit_question": {"en": "Edit the question", "ko": "질문 수정"},
    "ask_instead": {"en": "Ask this instead", "ko": "이렇게 다시 묻기"},
    "earlier_branch": {"en": "Earlier version", "ko": "이전 버전"},
    "later_branch": {"en": "Later version", "ko": "다음 버전"},
    "tool": {"en": "Tool: {name}", "ko": "도구: {name}"},
    "tool_failed": {"en": "Tool failed: {name}", "ko": "도구 실패: {name}"},
    "tool_arguments": {"en": "Asked with", "ko": "요청"},
    "tool_result": {"en": "Answered", "ko": "결과"},
    "why_down": {"en": "What was wrong?", "ko": "어떤 점이 아쉬웠나요?"},
    "reason_incorrect": {"en": "Not correct", "ko": "틀린 내용"},
    "reason_incomplete": {"en": "Not complete", "ko": "빠진 내용"},
    "reason_off_topic": {"en": "Not what I asked", "ko": "질문과 다른 답"},
    "reason_wrong_sources": {"en": "Wrong sources", "ko": "맞지 않는 출처"},
    "reason_outdated": {"en": "Out of date", "ko": "오래된 내용"},
    "reason_unclear": {"en": "Hard to understand", "ko": "이해하기 어려움"},
    "comment": {"en": "Anything else?", "ko": "더 알려 주실 내용이 있나요?"},
    "send": {"en": "Send", "ko": "보내기"},
    "ungrounded": {
        "en": "Not based on your documents",
        "ko": "문서에서 근거를 찾지 못한 답변",
    },
    "sources": {"en": "Sources", "ko": "출처"},
    "answer_failed": {
        "en": "This answer could not be finished. Please ask again.",
        "ko": "답변을 끝내지 못했습니다. 다시 질문해 주세요.",
    },
    "answer_stopped": {"en": "You stopped this answer.", "ko": "중지한 답변입니다."},
    "answer_blocked": {
        "en": "The company's rules do not allow this.",
        "ko": "회사 정책에 따라 제한된 내용입니다.",
    },
    "answer_interrupted": {
        "en": "This answer was cut short. Please ask again for the rest.",
        "ko": "답변이 중간에 멈췄습니다. 나머지는 다시 질문해 주세요.",
    },
    # Documents
    "collections": {"en": "Collections", "ko": "문서함"},
    "no_collections": {
        "en": "There are no collections for you yet. An administrator creates them.",
        "ko": "아직 볼 수 있는 문서함이 없습니다. 문서함은 관리자가 만듭니다.",
    },
    "no_collections_admin": {
        "en": "No collections yet. Create the first one, then upload documents into it.",
        "ko": "아직 문서함이 없습니다. 첫 문서함을 만들고 문서를 올려 보세요.",
    },
    "new_collection": {"en": "New collection", "ko": "새 문서함"},
    "description": {"en": "Description", "ko": "설명"},
    "who_reads": {
        "en": "Groups that may read it (none: everyone signed in)",
        "ko": "읽을 수 있는 그룹 (없으면 모든 사용자)",
    },
    "document_count": {"en": "Documents: {count}", "ko": "문서 {count}개"},
    "open": {"en": "Open", "ko": "열기"},
    "close": {"en": "Close", "ko": "닫기"},
    "delete_collection": {"en": "Delete collection", "ko": "문서함 삭제"},
    "delete_collection_question": {
        "en": "Delete this collection and all its documents?",
        "ko": "이 문서함과 모든 문서를 삭제할까요?",
    },
    "choose_files": {
        "en": "Files",
        "ko": "파일",
    },
    "upload": {"en": "Add to collection", "ko": "문서함에 추가"},
    "web_address": {"en": "Or the address of a web page", "ko": "또는 웹 페이지 주소"},
    "no_documents": {"en": "No documents in here yet.", "ko": "아직 문서가 없습니다."},
    "delete_document": {"en": "Delete this document?", "ko": "이 문서를 삭제할까요?"},
    "passages": {"en": "Passages: {count}", "ko": "구절 {count}개"},
    "page_of": {"en": "page {done} of {total}", "ko": "{total}쪽 중 {done}쪽"},
    "page_done": {"en": "page {done}", "ko": "{done}쪽"},
    "version": {"en": "Version {number}", "ko": "버전 {number}"},
    "version_stays": {
        "en": "Version {number} is used until a newer one is ready.",
        "ko": "새 버전이 준비될 때까지 버전 {number}을(를) 사용합니다.",
    },
    "try_again": {"en": "Try again", "ko": "다시 시도"},
    "status_pending": {"en": "Waiting", "ko": "대기 중"},
    "status_processing": {"en": "Being read", "ko": "읽는 중"},
    "status_ready": {"en": "Ready", "ko": "준비됨"},
    "status_failed": {"en": "Failed", "ko": "실패"},
    "try_search": {"en": "Try a search", "ko": "검색해 보기"},
    "search_help": {
        "en": "Shows the passages that the chatbot would find for you.",
        "ko": "챗봇이 찾아낼 구절을 미리 보여 줍니다.",
    },
    "query": {"en": "Words or a question", "ko": "검색어나 질문"},
    "search": {"en": "Search", "ko": "검색"},
    "found_by_words": {"en": "by the words {words}", "ko": "낱말로 찾음: {words}"},
    "found_by_meaning": {"en": "by its meaning", "ko": "뜻으로 찾음"},
    "nothing_found": {
        "en": "Nothing was found in the documents that you may read.",
        "ko": "읽을 수 있는 문서에서 찾은 내용이 없습니다.",
    },
    # Dashboard
    "range": {"en": "Range", "ko": "기간"},
    "last_day": {"en": "24 hours", "ko": "24시간"},
    "last_week": {"en": "7 days", "ko": "7일"},
    "last_month": {"en": "30 days", "ko": "30일"},
    "last_quarter": {"en": "90 days", "ko": "90일"},
    "custom_range": {"en": "Dates", "ko": "날짜 선택"},
    "choose_dates": {"en": "Choose a first and a last day.", "ko": "시작일과 종료일을 선택하세요."},
    "group": {"en": "Group", "ko": "그룹"},
    "usage": {"en": "Usage", "ko": "사용량"},
    "quality": {"en": "Quality", "ko": "품질"},
    "speed": {"en": "Speed (seconds)", "ko": "속도 (초)"},
    "messages": {"en": "Messages", "ko": "메시지"},
    "answers": {"en": "Answers", "ko": "답변"},
    "sessions": {"en": "Chats", "ko": "채팅"},
    "active_users": {"en": "Active people", "ko": "활성 사용자"},
    "grounded_rate": {"en": "Grounded answers", "ko": "근거 있는 답변"},
    "tokens_in": {"en": "Tokens in", "ko": "입력 토큰"},
    "tokens_out": {"en": "Tokens out", "ko": "출력 토큰"},
    "cost": {"en": "Cost (US$)", "ko": "비용 (US$)"},
    "feedback_up": {"en": "Thumbs up", "ko": "좋아요"},
    "feedback_down": {"en": "Thumbs down", "ko": "싫어요"},
    "blocked": {"en": "Blocked", "ko": "차단"},
    "failed": {"en": "Failed", "ko": "실패"},
    "first_token": {"en": "First words", "ko": "첫 글자까지"},
    "whole_answer": {"en": "Whole answer", "ko": "답변 완료까지"},
    "day": {"en": "Day", "ko": "날짜"},
    "no_activity": {"en": "Nothing happened in this range.", "ko": "이 기간에는 활동이 없습니다."},
    # People
    "role_admin": {"en": "Administrator", "ko": "관리자"},
    "role_editor": {"en": "Editor", "ko": "편집자"},
    "role_pending": {"en": "Waiting", "ko": "승인 대기"},
    "role_user": {"en": "User", "ko": "사용자"},
    "role": {"en": "Role", "ko": "역할"},
    "active": {"en": "May sign in", "ko": "로그인 허용"},
    "inactive": {"en": "Closed", "ko": "사용 중지"},
    "edit": {"en": "Edit", "ko": "편집"},
    "new_group": {"en": "New group", "ko": "새 그룹"},
    "no_groups": {
        "en": "No groups yet. Groups limit who may read a collection.",
        "ko": "아직 그룹이 없습니다. 그룹으로 문서함을 읽을 사람을 정합니다.",
    },
    "delete_group": {
        "en": "Delete this group? Its people lose what only it may read.",
        "ko": "이 그룹을 삭제할까요? 그룹에만 허용된 문서를 더는 읽을 수 없게 됩니다.",
    },
    # What went wrong, and what to do
    "request_id": {"en": "Request id", "ko": "요청 ID"},
    "error_connection": {
        "en": "The server cannot be reached right now. Check your connection and try again in a moment.",
        "ko": "지금 서버에 연결할 수 없습니다. 네트워크를 확인하고 잠시 후 다시 시도해 주세요.",
    },
    "error_broke_off": {
        "en": "The answer broke off. It may still be finished: open the chat again in a moment.",
        "ko": "답변이 끊겼습니다. 계속 작성 중일 수 있으니 잠시 후 채팅을 다시 열어 주세요.",
    },
    "error_wrong_credentials": {
        "en": "The email or the password is not right.",
        "ko": "이메일 또는 비밀번호가 올바르지 않습니다.",
    },
    "error_wrong_code": {
        "en": "This code does not hold. Take the one that your app shows now.",
        "ko": "코드가 맞지 않습니다. 앱에 지금 표시된 코드를 입력해 주세요.",
    },
    "error_challenge_expired": {
        "en": "This took too long. Sign in with your password again.",
        "ko": "시간이 지났습니다. 비밀번호로 다시 로그인해 주세요.",
    },
    "error_weak_password": {
        "en": "Choose another password: 8 to 128 characters, no common one, not your own name or address.",
        "ko": "다른 비밀번호를 정해 주세요. 8~128자이며, 흔한 비밀번호나 자신의 이름·주소는 쓸 수 없습니다.",
    },
    "error_wrong_password": {"en": "The password is not right.", "ko": "비밀번호가 맞지 않습니다."},
    "error_invalid_link": {
        "en": "This link does not hold any longer. Ask for a new one.",
        "ko": "더 이상 쓸 수 없는 링크입니다. 새 링크를 요청해 주세요.",
    },
    "error_sign_up_disabled": {
        "en": "Nobody can sign up here. Ask your administrator for an invitation.",
        "ko": "직접 가입할 수 없습니다. 관리자에게 초대를 요청해 주세요.",
    },
    "error_mail_domain": {
        "en": "This address cannot sign up here. Use your company's address.",
        "ko": "이 주소로는 가입할 수 없습니다. 회사 메일 주소를 사용해 주세요.",
    },
    "error_email_taken": {
        "en": "There is an account with this email already. Sign in instead.",
        "ko": "이미 가입된 이메일입니다. 로그인해 주세요.",
    },
    "error_name_taken": {
        "en": "This name is taken. Choose another.",
        "ko": "이미 사용 중인 이름입니다. 다른 이름을 입력해 주세요.",
    },
    "error_last_admin": {
        "en": "There must be one active administrator. Make somebody else one first.",
        "ko": "활성 관리자가 한 명은 있어야 합니다. 먼저 다른 사람을 관리자로 지정해 주세요.",
    },
    "error_model": {
        "en": "The model could not answer. Please ask again; if it stays, tell your administrator.",
        "ko": "모델이 답하지 못했습니다. 다시 질문해 보고, 계속되면 관리자에게 알려 주세요.",
    },
    "error_context": {
        "en": "This is too long for the model. Shorten the question, or begin a new chat.",
        "ko": "모델이 처리하기에 너무 깁니다. 질문을 줄이거나 새 채팅을 시작해 주세요.",
    },
    "error_refused": {
        "en": "The model does not take this question. Please ask in another way.",
        "ko": "모델이 이 질문을 받지 않았습니다. 다르게 질문해 주세요.",
    },
    "error_too_many_files": {
        "en": "There is no room for another file. Delete some, or begin another chat.",
        "ko": "파일을 더 올릴 수 없습니다. 파일을 지우거나 새 채팅을 시작해 주세요.",
    },
    "error_unauthorized": {
        "en": "You are not signed in, or your sign-in has ended. Please sign in.",
        "ko": "로그인이 필요하거나 만료되었습니다. 로그인해 주세요.",
    },
    "error_forbidden": {
        "en": "You may not do this. Ask your administrator.",
        "ko": "권한이 없습니다. 관리자에게 문의해 주세요.",
    },
    "error_not_found": {
        "en": "This does not exist any more. Reload the page.",
        "ko": "더 이상 존재하지 않습니다. 페이지를 새로 고쳐 주세요.",
    },
    "error_conflict": {
        "en": "This does not fit the current state. Reload the page and try again.",
        "ko": "현재 상태와 맞지 않습니다. 페이지를 새로 고친 뒤 다시 시도해 주세요.",
    },
    "error_too_large": {
        "en": "This is too large. Send something smaller.",
        "ko": "크기가 너무 큽니다. 더 작게 나누어 보내 주세요.",
    },
    "error_invalid": {
        "en": "This could not be accepted. Check what you entered.",
        "ko": "요청을 처리할 수 없습니다. 입력한 내용을 확인해 주세요.",
    },
    "error_too_many": {
        "en": "Too many requests. Wait a moment and try again.",
        "ko": "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.",
    },
    "error_budget": {
        "en": "The budget does not leave enough for this. Ask again later, or ask your administrator for more.",
        "ko": "남은 예산이 부족합니다. 나중에 다시 질문하거나 관리자에게 예산을 요청해 주세요.",
    },
    "error_server": {
        "en": "Something went wrong on the server. Try again; if it stays, tell your administrator.",
        "ko": "서버에 문제가 생겼습니다. 다시 시도해 보고, 계속되면 관리자에게 알려 주세요.",
    },
}


def text(key: str, language: Language, **values: object) -> str:
    """Return a text in a language, with its `{placeholders}` filled in."""
    return TEXTS[key][language].format(**values)


def language_of(locale: str | None) -> Language:
    """Return the language for a browser's locale such as `ko-KR`."""
    return "ko" if (locale or "").lower().startswith("ko") else "en"
